/**
 * Names of the versions of a file. A name is given to one content only, so a reader who opens it again finds the same bytes, or
 * nothing.
 */

/** Beyond it a name would need another digit, and the order of names would no longer be that of versions. */
export const LAST_NUMBER = 99_999_999

const MARKER = '_being-replaced-read-again'

export interface Name {
  /** The file, without version and ending. */
  readonly stem: string
  /** 0: without a number, as the first layout named its files. */
  readonly number: number
  /** Whether it is the marker for replacing this version. */
  readonly isMarker: boolean
}

const digits = (number: number): string => String(number).padStart(8, '0')

/** @param number 1 or more */
export const versionName = (stem: string, number: number): string => `${stem}-${digits(number)}.parquet`

/**
 * Sorts between the version and the next one. So a listing in several pages that has both has the marker too, and whoever reads
 * in order meets it before the rows that he would see twice.
 */
export const markerName = (stem: string, number: number): string => `${stem}-${digits(number)}${MARKER}.parquet`

const NAME = new RegExp(`^(.*?)(?:-(\\d{8})(${MARKER})?)?\\.parquet$`, 's')

/** Null for a name that no load gives. */
export function nameIn(key: string): Name | null {
  const [, stem, numbered = '', marker] = NAME.exec(key) ?? []
  const number = Number(numbered)
  const isMarker = marker !== undefined
  if (stem === undefined || (numbered !== '' && number === 0 && !isMarker)) return null
  return { stem, number, isMarker }
}
