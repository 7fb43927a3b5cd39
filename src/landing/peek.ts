/** Returns the first `count` bytes of a stream, or more, or all when it is shorter; and the whole stream to read. */
export async function peek(
  chunks: AsyncIterable<Uint8Array>,
  count: number,
): Promise<{ head: Uint8Array; rest: AsyncIterable<Uint8Array> }> {
  const iterator = chunks[Symbol.asyncIterator]()
  const pieces: Uint8Array[] = []
  for (let bytes = 0; bytes < count; ) {
    const { value, done } = await iterator.next()
    if (done === true) break
    pieces.push(value)
    bytes += value.length
  }
  const head = pieces.length === 1 ? (pieces[0] as Uint8Array) : Buffer.concat(pieces)
  let seen = head.length === 0
  const whole: AsyncIterator<Uint8Array> = {
    async next() {
      if (seen) return iterator.next()
      seen = true
      return { value: head, done: false }
    },
    async return() {
      await iterator.return?.()
      return { value: undefined, done: true }
    },
  }
  return { head, rest: { [Symbol.asyncIterator]: () => whole } }
}
