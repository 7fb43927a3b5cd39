// What a load from the API is compared with: the same pages asked for and thrown away, with the client the loader uses.
import { request } from 'undici'

const [url, key] = process.argv.slice(2)
const headers = { authorization: `Basic ${Buffer.from(`api:${key}`).toString('base64')}` }
const TAIL_BYTES = 1024

for (let cursor = ''; ; ) {
  const { body } = await request(url + cursor, { headers })
  let tail = Buffer.alloc(0)
  for await (const chunk of body) tail = Buffer.concat([tail, chunk.subarray(-TAIL_BYTES)]).subarray(-TAIL_BYTES)
  const next = /"next_cursor":"([^"]+)"/.exec(tail.toString('latin1'))?.[1]
  if (next === undefined) break
  cursor = `&cursor=${next}`
}
