import { afterEach, describe, expect, test, vi } from 'vitest'
import { AuditError } from '../src/errors.js'
import { createLogger, type LogOptions } from '../src/log.js'

async function logging(options: Partial<LogOptions> & { isTTY?: boolean } = {}) {
  const lines: string[] = []
  const destination = { write: (line: string) => lines.push(line), isTTY: options.isTTY }
  return { lines, logger: await createLogger({ format: 'json', quiet: false, destination, ...options }) }
}

afterEach(() => vi.unstubAllEnvs())

describe.each(['json', 'text'] as const)('a log as %s', (format) => {
  test('is one line an entry, whatever the strings hold', async () => {
    const { lines, logger } = await logging({ format })
    const hostile = 'a\nb\r\u001b[2J\u009b\u202e\u2028'
    logger.info({ object: hostile, deep: { list: [hostile] } }, hostile)
    logger.error({ err: new AuditError(hostile, { advice: hostile, cause: new Error(hostile) }) }, 'run failed')
    logger.warn('%s', hostile)
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(line).toMatch(/^[^\p{Cc}\p{Cf}\u2028]+\n$/u)
  })

  test('holds no secret', async () => {
    const { lines, logger } = await logging({ format })
    logger.info(
      { apiKey: 'hush', api: { token: 'hush', password: 'hush' }, request: { headers: { authorization: 'hush' } } },
      'asked',
    )
    expect(lines.join('')).toContain('[Redacted]')
    expect(lines.join('')).not.toContain('hush')
  })

  test('tells of an error its message, advice and one cause, and no stack', async () => {
    const { lines, logger } = await logging({ format })
    const cause = new Error('connection refused', { cause: new Error('deeper') })
    logger.error({ err: new AuditError('cannot list s3://b', { advice: 'Check the name.', cause }) }, 'run failed')
    expect(lines[0]).toMatch(/run failed/)
    expect(lines[0]).toMatch(/cannot list s3:\/\/b.*Check the name\./s)
    expect(lines[0]).toContain('connection refused')
    expect(lines[0]).not.toMatch(/deeper|log\.test/)
  })

  test('shows stacks and debug entries with WANDB_AUDIT_DEBUG', async () => {
    vi.stubEnv('WANDB_AUDIT_DEBUG', '1')
    const { lines, logger } = await logging({ format })
    logger.debug('detail')
    logger.error(new Error('broken'))
    expect(lines).toHaveLength(2)
    expect(lines[1]).toContain('log.test')
  })

  test('quiet keeps warnings and errors', async () => {
    const { lines, logger } = await logging({ format, quiet: true })
    logger.info('one')
    logger.debug('two')
    logger.warn('three')
    logger.error('four')
    expect(lines.map((line) => /three|four/.test(line))).toEqual([true, true])
  })
})

test('json has ISO time and level names', async () => {
  const { lines, logger } = await logging()
  logger.warn({ rows: 3 }, 'hello')
  const { time, ...entry } = JSON.parse(lines[0] ?? '')
  expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  expect(entry).toEqual({ level: 'warn', rows: 3, msg: 'hello' })
})

test('text reads as a sentence, with colour only on a terminal where NO_COLOR is unset', async () => {
  vi.stubEnv('NO_COLOR', '')
  const plain = await logging({ format: 'text' })
  plain.logger.info({ rows: 3 }, 'hello')
  expect(plain.lines[0]).toMatch(/^\[\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\] INFO: hello \{"rows":3\}\n$/)
  const coloured = await logging({ format: 'text', isTTY: true })
  coloured.logger.info('hello')
  expect(coloured.lines[0]).toContain('\u001b[')
  vi.stubEnv('NO_COLOR', '1')
  const refused = await logging({ format: 'text', isTTY: true })
  refused.logger.info('hello')
  expect(refused.lines[0]).not.toContain('\u001b[')
})
