import { AuditError } from '../errors.js'

/** Bytes behind a whole archive that belong to none. */
export function trailing(kind: string): AuditError {
  return new AuditError(`behind the ${kind} archive there are other bytes; nothing of it is loaded`, {
    advice:
      'It may be two files in one, or a copy that went wrong: copy it again, or unpack it by hand and load the plain file.',
  })
}
