/** Pages of Parquet files, which no reader shows: https://parquet.apache.org/docs/file-format/data-pages/ */

import { open } from 'node:fs/promises'
import { asyncBufferFromFile, parquetMetadataAsync } from 'hyparquet'
import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js'

/** Page headers are some tens of bytes, but hold the least and the greatest value. */
const HEADER_BYTES = 1 << 16

/** The bytes of the largest page, uncompressed. */
export async function largestPage(path: string): Promise<number> {
  const { row_groups } = await parquetMetadataAsync(await asyncBufferFromFile(path))
  const file = await open(path)
  let largest = 0
  try {
    for (const { meta_data } of row_groups.flatMap(({ columns }) => columns)) {
      if (meta_data === undefined) continue
      let at = Number(meta_data.dictionary_page_offset ?? meta_data.data_page_offset)
      const end = at + Number(meta_data.total_compressed_size)
      while (at < end) {
        const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, at)
        const reader = { view: new DataView(buffer.buffer, buffer.byteOffset, bytesRead), offset: 0 }
        const { field_2: uncompressed, field_3: compressed } = deserializeTCompactProtocol(reader)
        largest = Math.max(largest, Number(uncompressed))
        at += reader.offset + Number(compressed)
      }
    }
  } finally {
    await file.close()
  }
  return largest
}
