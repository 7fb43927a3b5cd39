import type { Data, DataType } from 'apache-arrow'
import type { ColumnType, QueryResult } from '../../contract.js'
import { type BinaryValue, batches, binaryValue } from './values.js'

const BATCH_ROWS = 10_000

type Arrow = typeof import('apache-arrow')

/**
 * An Arrow IPC stream in record batches of 10,000 rows.
 *
 * https://arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format
 */
export async function* arrow({ columns, rows }: QueryResult): AsyncIterable<Uint8Array> {
  const arrow = await import('apache-arrow')
  const schema = new arrow.Schema(columns.map(({ name, type }) => new arrow.Field(name, typeOf(arrow, type), true)))

  // The writer's own queue is unbounded and applies no backpressure, so each batch is taken out at once.
  let written: Uint8Array[] = []
  class Taken extends arrow.AsyncByteQueue {
    override write(bytes: Uint8Array): void {
      written.push(bytes)
    }
  }
  const taken = () => {
    const bytes = Buffer.concat(written)
    written = []
    return bytes
  }

  const writer = new arrow.RecordBatchStreamWriter().reset(new Taken(), schema)
  for await (const batch of batches(rows, BATCH_ROWS)) {
    const children = columns.map((column, i) =>
      columnData(
        arrow,
        column.type,
        batch.map((row) => binaryValue(column, row[i] ?? null)),
      ),
    )
    const struct = arrow.makeData({
      type: new arrow.Struct(schema.fields),
      length: batch.length,
      nullCount: 0,
      children,
    })
    writer.write(new arrow.RecordBatch(schema, struct))
    yield taken()
  }
  writer.close()
  yield taken()
}

function typeOf(arrow: Arrow, type: ColumnType): DataType {
  switch (type) {
    case 'text':
    case 'json':
      return new arrow.Utf8()
    case 'boolean':
      return new arrow.Bool()
    case 'integer':
      return new arrow.Int64()
    case 'double':
      return new arrow.Float64()
    case 'timestamp':
      return new arrow.TimestampMicrosecond('UTC')
    case 'date':
      return new arrow.DateDay()
  }
}

function columnData(arrow: Arrow, type: ColumnType, values: readonly (BinaryValue | null)[]): Data {
  if (type === 'timestamp' || type === 'date') return temporalData(arrow, type, values)
  const builder = arrow.makeBuilder({ type: typeOf(arrow, type), nullValues: [null] })
  for (const value of values) builder.append(value)
  return builder.finish().flush()
}

/** The library's builders take instants as milliseconds in a double, which would lose microseconds. */
function temporalData(arrow: Arrow, type: 'timestamp' | 'date', values: readonly (BinaryValue | null)[]): Data {
  const length = values.length
  const nullBitmap = new Uint8Array(Math.ceil(length / 8))
  let nullCount = length
  for (const [i, value] of values.entries()) {
    if (value === null) continue
    nullBitmap[i >> 3] = (nullBitmap[i >> 3] ?? 0) | (1 << (i & 7))
    nullCount--
  }
  if (type === 'date') {
    const data = Int32Array.from(values, (value) => Number(value ?? 0))
    return arrow.makeData({ type: new arrow.DateDay(), length, nullCount, nullBitmap, data })
  }
  const data = BigInt64Array.from(values, (value) => BigInt(value ?? 0))
  return arrow.makeData({ type: new arrow.TimestampMicrosecond('UTC'), length, nullCount, nullBitmap, data })
}
