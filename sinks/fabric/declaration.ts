import type { SinkDeclaration } from '../shared/declaration.js'
import { OPTIONS } from './options.js'

export const FABRIC_MIRROR: SinkDeclaration = {
  title: '[Microsoft Fabric](docs/fabric.md), through open mirroring',
  form: 'fabric://WORKSPACE/MIRRORED-DATABASE',
  begins: /^fabric:/i,
  options: OPTIONS,
  loads: 'several at once',
  sql: 'T-SQL in Fabric; DuckDB for `query`',
  state: 'works against stand-ins; **never yet run against a real Fabric**',
  tested:
    'the sink suite in memory, faults over Azurite; a stand-in for the replicator before, during and after loads; killed at every write; several concurrent runs',
  remains:
    'soft-deleted files of OneLake (7 days), files of the landing zone that Fabric has applied, and the history of the mirrored Delta tables until Fabric removes it',
  open: async (address, context) => (await import('./index.js')).fabricSink(address, context),
}
