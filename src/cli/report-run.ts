/** Asks a sink for everything in a report, and writes the page. */

import type { Span } from '../../schemas/day-digest.js'
import { chosenDetections } from '../detections/chosen.js'
import { detect } from '../detections/detect.js'
import { AuditError, printable } from '../errors.js'
import { replaceFile } from '../regular-file.js'
import { askForReport } from '../report/answers.js'
import { type FindingGroup, groupOf, maskedFinding } from '../report/findings.js'
import { masked, newMask } from '../report/mask.js'
import { reportPage } from '../report/page.js'
import { version } from '../version.js'
import { send } from './formats/output.js'
import { requireOne } from './query.js'
import type { ReportFlags } from './report.js'
import { closeAll, openSession, openSinks } from './session.js'

/** Only reads: a finding counts as reported only once `check` has reported it. @throws AuditError */
export async function reportOnce(flags: ReportFlags, range: Span, now: Date): Promise<void> {
  const session = await openSession(flags)
  requireOne(session.settings.to)
  const sinks = await openSinks(session)
  try {
    const [sink] = sinks
    if (sink === undefined) throw new Error('the settings name at least one sink')
    const answers = await askForReport(sink, range)
    const findings: FindingGroup[] = []
    // One at a time: there may be many findings, of which the page shows only a few.
    for (const each of chosenDetections(session.settings.detections)) {
      const group = groupOf(await detect(sink, [each], range))
      if (group !== null) findings.push(group)
    }
    const mask = newMask()
    const shown = flags.mask
      ? {
          answers: masked(answers, mask),
          findings: findings.map((group) => ({
            ...group,
            latest: group.latest.map((each) => maskedFinding(each, mask)),
          })),
        }
      : { answers, findings }
    const page = reportPage({ sink: sink.id, range, now, version: version(), masked: flags.mask ?? false, ...shown })
    if (flags.output === '-') await send([page], process.stdout)
    else {
      write(flags.output, page)
      session.logger.info(`the report is in ${printable(flags.output)}`)
    }
  } finally {
    await closeAll(sinks, session)
  }
}

function write(path: string, page: string): void {
  try {
    // Its owner alone may read it, whatever was there before.
    replaceFile(path, page)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error'
    throw new AuditError(`the report cannot be written to ${printable(path)} (${code})`, {
      advice: 'Name a file in a folder that exists and is writable, with --output.',
      cause: error,
    })
  }
}
