import { parseOptions, withoutLogin } from '../../src/address.js'
import type { SinkDeclaration } from '../shared/declaration.js'

const OPTIONS = {
  schema: {
    meaning: 'the schema for our tables; by default `main`; created if it is missing',
    pattern: /^[^&=]+$/,
    expected: 'a name',
  },
}

export const DUCKDB_FILE: SinkDeclaration = {
  title: 'DuckDB',
  form: 'duckdb:FILE',
  begins: /^duckdb:/,
  options: OPTIONS,
  loads: 'one at a time',
  sql: 'DuckDB',
  state: 'works',
  tested: 'the real engine; opened by DuckDB 1.4.0 and 2.0.1 from Python*',
  remains:
    'unused blocks of the file until they are overwritten (copying the tables into a new file leaves them behind), and copies of the file',
  async open(address, { waitMs, signal, onNotice }) {
    const { duckdbSink } = await import('./index.js')
    // A file's name may hold a question mark; an option has a name and a value.
    const [, path = '', query = ''] = /^duckdb:(.*?)(?:\?(\w+=.*))?$/s.exec(address) ?? []
    const { schema } = parseOptions(withoutLogin(`duckdb:${path}`), query, OPTIONS)
    const onWait = (holder: string): void => onNotice(`waiting for the DuckDB file, which ${holder} holds`)
    return duckdbSink(path, { waitMs, signal, onWait }, schema)
  },
}
