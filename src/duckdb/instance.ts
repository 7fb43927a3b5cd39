/** Every DuckDB that the product opens: one that fetches and loads nothing by itself, and whose texts come back to the byte. */

import { DuckDBInstance } from '@duckdb/node-api'
import { textDecoder } from '@duckdb/node-api/lib/vectors/dataAccessors.js'

/** The client's own decoder takes a U+FEFF at the beginning of any text for a byte order mark, and drops it. */
const exact = new TextDecoder('utf-8', { ignoreBOM: true })
textDecoder.decode = exact.decode.bind(exact)

/** What is needed is built in; an extension would be code from the network, or from a folder that others may write to. */
const SELF_CONTAINED = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  allow_community_extensions: 'false',
  allow_persistent_secrets: 'false',
  // Where it is empty, any query may read HTTP_PROXY of the environment there, with its password.
  http_proxy: 'none',
}

/** @param options DuckDB's settings, https://duckdb.org/docs/stable/configuration/overview */
export function openInMemory(options: Readonly<Record<string, string>> = {}): Promise<DuckDBInstance> {
  return DuckDBInstance.create(':memory:', { ...SELF_CONTAINED, ...options })
}
