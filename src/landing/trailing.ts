import { AuditError } from '../errors.js'

/** Other bytes follow the end of an archive. */
export function trailing(kind: string): AuditError {
  return new AuditError(`other bytes follow the ${kind} archive; none of it was loaded`, {
    advice:
      'It may be two files in one, or a failed copy: copy it again, or unpack it by hand and load the plain file.',
  })
}
