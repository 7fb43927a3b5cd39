/** Unpacks an export of audit_events into rows, one JSON object a line: Parquet, or lines of JSON already. */

import { encryptedParquet, isExport, notAnExport } from './not-a-log.js'
import { parquetRows } from './parquet-rows.js'
import { peek } from './peek.js'

const PARQUET = 'PAR1'
const ENCRYPTED_PARQUET = 'PARE'
const HEAD_BYTES = 64 * 1024
const LF = 0x0a

/**
 * @param chunks the export, no longer compressed as a whole
 * @param path   of the spool file; a Parquet file is put next to it while it is read
 * @throws AuditError when this is not an export of audit_events
 */
export async function* exportedRows(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { head, rest } = await peek(chunks, HEAD_BYTES)
  const magic = Buffer.from(head.subarray(0, PARQUET.length)).toString('latin1')
  if (magic === PARQUET) {
    yield* parquetRows(rest, `${path}.parquet`, signal)
    return
  }
  if (head.length === 0) return
  if (magic !== ENCRYPTED_PARQUET && (isExport(head) || isLong(head))) {
    yield* rest
    return
  }
  await rest[Symbol.asyncIterator]().return?.()
  throw magic === ENCRYPTED_PARQUET ? encryptedParquet() : notAnExport()
}

/** A first line that is longer than what was looked at is left to the transform. */
const isLong = (head: Uint8Array): boolean => head.length >= HEAD_BYTES && !head.includes(LF)
