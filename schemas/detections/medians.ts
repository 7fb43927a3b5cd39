/** Figures against what was usual before. The median, because one earlier spike would raise an average for weeks. */

import { number } from '../words.js'

interface Compared {
  /** Has the columns `by`, `day` and `events`. */
  readonly daily: string
  /** Those of `daily` that are to be compared. */
  readonly unusual: string
  /** What a median is of: the column of an actor, an address … */
  readonly by: string
  /** The column of `unusual` before whose day the days compared with lie; `day` itself if absent. */
  readonly before?: string
}

/**
 * Two common table expressions. `medians` has `by`, `day` and `usual`: the median of the events of all earlier days of the same
 * `by`, without the day itself. There is no row where there is no earlier day.
 */
export const medians = ({ daily, unusual, by, before = 'day' }: Compared): string => `ranked AS (
  SELECT u.${by}, u.day, d.events,
    ROW_NUMBER() OVER (PARTITION BY u.${by}, u.day ORDER BY d.events) AS place,
    COUNT(*) OVER (PARTITION BY u.${by}, u.day) AS places
  FROM ${unusual} AS u JOIN ${daily} AS d ON d.${by} = u.${by} AND d.day < u.${before}
), medians AS (
  SELECT ${by}, day, CAST(ROUND(AVG(1.0 * events)) AS BIGINT) AS usual
  FROM ranked WHERE 2 * place BETWEEN places AND places + 2 GROUP BY ${by}, day
)`

/** The condition that a figure is so many times what is usual; true where nothing is known. */
export const isBeyond = (events: string, factor: number, usual: string): string =>
  `${events} >= ${factor} * COALESCE(${usual}, 0)`

/** For a sentence. */
export const usually = (usual: number | null): string =>
  usual === null ? 'none on earlier days' : `a median of ${number(usual)} on earlier days`
