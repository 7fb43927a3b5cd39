/** Opens every DuckDB of the product: it downloads and loads nothing by itself, and returns texts byte for byte. */

import { DuckDBInstance } from '@duckdb/node-api'
import { textDecoder } from '@duckdb/node-api/lib/vectors/dataAccessors.js'

/** The client's own decoder drops a U+FEFF at the beginning of a text as a byte order mark. */
const exact = new TextDecoder('utf-8', { ignoreBOM: true })
textDecoder.decode = exact.decode.bind(exact)

/** All that is needed is built in. An extension would be code from the network, or from a folder others may write to. */
const SELF_CONTAINED = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  allow_community_extensions: 'false',
  allow_persistent_secrets: 'false',
  // If empty, any query can read HTTP_PROXY of the environment through it, with its password.
  http_proxy: 'none',
}

/** @param options DuckDB's settings, https://duckdb.org/docs/stable/configuration/overview */
export function openInMemory(options: Readonly<Record<string, string>> = {}): Promise<DuckDBInstance> {
  return DuckDBInstance.create(':memory:', { ...SELF_CONTAINED, ...options })
}
