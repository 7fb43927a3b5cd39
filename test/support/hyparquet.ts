/** Reads Parquet without DuckDB. */

import { decompress } from 'fzstd'
import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet'

const bufferOf = ({ buffer, byteOffset, length }: Uint8Array): ArrayBuffer =>
  buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer

export const metadataOf = (content: Uint8Array): FileMetaData => parquetMetadata(bufferOf(content))

/** The rows of a file; instants are microseconds since 1970 UTC. */
export const rowsIn = (content: Uint8Array): Promise<Record<string, unknown>[]> =>
  parquetReadObjects({
    file: bufferOf(content),
    compressors: { ZSTD: (input) => decompress(input) },
    parsers: { timestampFromMicroseconds: (at: bigint) => at },
  })
