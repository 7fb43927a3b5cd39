import { join } from 'node:path'
import { parquetSink } from '../../sinks/parquet/index.js'
import { directoryStore } from '../../src/stores/directory.js'
import { sinkConformance } from '../conformance/sinks.js'
import { dropColumn, markIn } from '../support/lake.js'
import { never, newFolder } from '../support/load.js'

sinkConformance('Parquet in a folder', async () => {
  const lake = join(newFolder(), `it's a "lake" [x]*? 💡`)
  return {
    open: () => parquetSink(`parquet:${lake}`, never),
    dropColumn: (table, column) => dropColumn(directoryStore(lake), `${table}/`, column),
    ...markIn(directoryStore(lake), ''),
  }
})
