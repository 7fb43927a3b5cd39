/** DuckDB's forms for the digest of a day's events. */

import type { DigestForms } from '../../schemas/day-digest.js'
import { instantLiteral, quotedIdentifier } from './quoting.js'

export const DUCKDB_DIGEST: DigestForms = {
  column: quotedIdentifier,
  instant: instantLiteral,
  // A session's time zone has no part in this.
  utcText: (instant) => `strftime(make_timestamp(epoch_us(${instant})), '%Y-%m-%d %H:%M:%S.%f')`,
  // The sum of BIGINTs is a HUGEINT.
  hashNumber: (text) => `CAST('0x' || SUBSTR(sha256(${text}), 1, 15) AS BIGINT)`,
  digits: (integer) => `CAST(${integer} AS VARCHAR)`,
}
