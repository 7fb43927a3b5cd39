/** A process that counts up an object of a folder, and tells each step that it was told is written. */

import { directoryStore } from '../../src/stores/directory.js'

const [root = '', times = ''] = process.argv.slice(2)
const store = directoryStore(root)
const { signal } = new AbortController()

for (let step = 0; step < Number(times); ) {
  const object = await store.find('a/count', signal)
  const reading = object === null ? null : await store.read(object, 0, signal)
  if (object === null || reading === null) continue
  let text = ''
  try {
    for await (const chunk of reading.chunks) text += Buffer.from(chunk).toString()
  } catch {
    continue // replaced before it was read
  }
  const next = String(Number(text) + 1)
  if ((await store.write('a/count', Buffer.from(next), object, signal)) === null) continue
  process.stdout.write(`${next}\n`)
  step++
}
