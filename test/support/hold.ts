/** Child processes that hold a DuckDB file, so that a test can meet its lock or kill it. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'

const SCRIPT = `
  import { DuckDBInstance } from '@duckdb/node-api'
  const [path, ...statements] = process.argv.slice(1)
  const instance = await DuckDBInstance.create(path)
  const connection = await instance.connect()
  for (const sql of statements) await connection.run(sql)
  process.stdin.resume()
  process.stdin.on('end', () => {
    connection.closeSync()
    instance.closeSync()
    process.exit()
  })
  process.stdout.write('ready')
`

/** Opens the file in another process, runs the statements, and resolves while the file is still held. */
export async function holdFile(path: string, ...statements: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, path, ...statements], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [word] = await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(() => ['the child process ended early']),
  ])
  if (String(word) !== 'ready') throw new Error(String(word))
  return child
}

/** Ends it in the middle of whatever it does, as `kill -9` would. */
export async function killNow(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGKILL')
  await exited
}

/** Lets it close the file and end. */
export async function letGo(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.stdin?.end()
  await exited
}
