/** What docs/detections.md says of each detection, from its declaration; and all statements, for analysts. */

import { z } from 'zod'
import { table } from '../markdown.js'
import type { Detection, DetectionForms } from './detection.js'
import { DETECTIONS } from './index.js'

/** An overview, then a section for each. */
export function detectionGuide(): string {
  const overview = table(
    ['detection', 'severity', 'finds'],
    DETECTIONS.map(({ id, severity, title }) => [`[\`${id}\`](#${id})`, severity, title]),
  )
  return `${overview}\n${DETECTIONS.map(section).join('\n')}`
}

function section({ id, title, severity, why, normal, technique, parameters }: Detection): string {
  const rows = Object.entries(parameters.shape).map(([name, field]) => [
    `\`${name}\``,
    `\`${JSON.stringify((field as z.ZodDefault).def.defaultValue).replaceAll('"', '')}\``,
    z.globalRegistry.get(field)?.description ?? '',
  ])
  const attack =
    technique === null
      ? ''
      : ` · [${technique.id} ${technique.name}](https://attack.mitre.org/techniques/${technique.id.replace('.', '/')}/)`
  return `### ${id}

${title}. Severity ${severity}${attack}.

**Why it matters.** ${why}

**What is normal.** ${normal}
${rows.length === 0 ? '' : `\n${table(['parameter', 'default', 'meaning'], rows)}`}`
}

/** An example: three days. */
const SPAN = { from: new Date('2026-10-29T00:00:00Z'), to: new Date('2026-11-01T00:00:00Z') }

/** The statement of each detection for three days, in one warehouse's SQL. */
export const detectionStatements = (forms: DetectionForms): string =>
  DETECTIONS.map((each) => `-- ${each.id}: ${each.title}${each.sql(forms, SPAN, {})};\n`).join('\n')
