import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { privacyKey } from '../../src/privacy/key.js'
import { emailForm, networkOf } from '../../src/privacy/normal.js'
import { erasureId, parsePerson } from '../../src/privacy/persons.js'
import { rulesOf } from '../../src/privacy/rules.js'
import { NO_PRIVACY, type Privacy, PSEUDONYM, shownBy } from '../../src/privacy/shown.js'

const KEY = privacyKey('k'.repeat(64))
const privacy = (settings: Parameters<typeof rulesOf>[0]): Privacy => ({
  ...NO_PRIVACY,
  key: KEY,
  rules: rulesOf(settings),
})
const PSEUDONYMS = privacy({
  actor_email: 'pseudonym',
  user_email: 'pseudonym',
  entity_name: 'pseudonym',
  artifact_qualified_name: 'drop',
})

const TEXTS = fc.array(fc.integer({ min: 0, max: 0x10ffff })).map((points) => String.fromCodePoint(...points))

/** RFC 2104, from SHA-256 alone. */
function hmac(secret: Buffer, text: Buffer): string {
  const sha256 = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest()
  const block = Buffer.concat([secret.length > 64 ? sha256(secret) : secret, Buffer.alloc(64)]).subarray(0, 64)
  const xor = (byte: number): Buffer => Buffer.from(block.map((each) => each ^ byte))
  return sha256(xor(0x5c), sha256(xor(0x36), text)).toString('hex')
}

describe('a keyed hash', () => {
  it('is HMAC-SHA-256: RFC 4231, test case 2, holds for what it is compared with', () => {
    expect(hmac(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?'))).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    )
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 150 }), fc.string(), (secret, text) => {
        expect(privacyKey(secret).keyed('purpose', text)).toBe(
          hmac(Buffer.from(secret), Buffer.from(`purpose\0${text}`)),
        )
      }),
      { numRuns: 50 },
    )
  })
})

describe('a pseudonym', () => {
  const { value } = shownBy(PSEUDONYMS)

  it('has a prefix and 128 bits, and is the same in every column', () => {
    expect(value('actor_email', 'ada@example.com')).toMatch(/^pseudonym:[0-9a-f]{32}$/)
    expect(value('actor_email', 'ada@example.com')).toBe(
      `${PSEUDONYM}${KEY.keyed('pseudonym', 'ada@example.com').slice(0, 32)}`,
    )
    expect(value('user_email', 'ada@example.com')).toBe(value('actor_email', 'ada@example.com'))
  })

  it('of an address does not depend on case, white space or forms of Unicode', () => {
    const spellings = [
      'ADA@Example.com',
      ' ada@example.com\t',
      'ａｄａ＠example.com',
      'ada\u200b@example.com',
      'ada\u00ad@exam\u00a0ple.com',
    ]
    expect(new Set(spellings.map((text) => value('actor_email', text)))).toEqual(
      new Set([value('actor_email', 'ada@example.com')]),
    )
  })

  it('of another name is of its exact text', () => {
    expect(value('entity_name', 'Ada')).not.toBe(value('entity_name', 'ada'))
  })

  it('is made of a value that looks like one too: nobody can take the pseudonym of another', () => {
    const seen = String(value('actor_email', 'ada@example.com'))
    expect(value('actor_email', seen)).toMatch(/^pseudonym:/)
    expect(value('actor_email', seen)).not.toBe(seen)
  })

  it('differs with another key', () => {
    const other = shownBy({ ...PSEUDONYMS, key: privacyKey('x'.repeat(64)) })
    expect(other.value('actor_email', 'ada@example.com')).not.toBe(value('actor_email', 'ada@example.com'))
  })

  it('of a long text is computed each time: memory does not grow with what an attacker sends', () => {
    let computed = 0
    const keyed = (purpose: string, text: string): string => {
      computed++
      return KEY.keyed(purpose, text)
    }
    const counted = shownBy({ ...PSEUDONYMS, key: { ...KEY, keyed } })
    for (const text of ['ada@example.com', `${'a'.repeat(300)}@example.com`]) {
      expect(counted.value('actor_email', text)).toBe(counted.value('actor_email', text))
    }
    expect(computed).toBe(3)
  })

  it.each(['actor_email', 'entity_name'])('of %s ends where many combining marks are to be ordered', (column) => {
    const marks = '\u0301'.repeat(200_000) + '\u0316'.repeat(200_000)
    const erased = new Set([erasureId(KEY, parsePerson('ada@example.com'))])
    const { value, extra } = shownBy({ ...PSEUDONYMS, erased })
    expect(value(column, marks)).toMatch(/^pseudonym:/)
    expect(extra(JSON.stringify({ [marks]: [marks] }))).toBeNull()
    expect(shownBy({ ...NO_PRIVACY, key: KEY, erased }).extra(JSON.stringify({ [marks]: [marks] }))).not.toBeNull()
  })

  it('is idempotent in its form', () => {
    fc.assert(
      fc.property(TEXTS, (text) => {
        expect(emailForm(emailForm(text))).toBe(emailForm(text))
      }),
    )
  })
})

describe('the network of an address', () => {
  it.each([
    ['203.0.113.77', '203.0.113.0/24'],
    [' 203.0.113.77 ', '203.0.113.0/24'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1::/48'],
    ['2001:DB8::1', '2001:db8::/48'],
    ['::1', '::/48'],
    ['::ffff:203.0.113.77', '203.0.113.0/24'],
    ['::FFFF:cb00:714d', '203.0.113.0/24'],
    ['64:ff9b::203.0.113.77', '64:ff9b::/48'],
    // Not one address: nothing is shown.
    ['203.0.113.77:443', null],
    ['203.0.113.77, 10.0.0.1', null],
    ['fe80::1%eth0', null],
    ['0203.0.113.77', null],
    ['3405803853', null],
    ['ada@example.com', null],
    ['', null],
  ])('of %j is %j', (text, network) => {
    expect(networkOf(text)).toBe(network)
  })

  it('says nothing of the last byte, or of the last 80 bits', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(networkOf(address)).toBe(networkOf(address.replace(/\d+$/, '7')))
      }),
    )
    fc.assert(
      fc.property(fc.ipV6(), (address) => {
        expect(networkOf(address)).toMatch(/^(?:(?:[0-9a-f]+(?::[0-9a-f]+){0,2})?::\/48|\d+\.\d+\.\d+\.0\/24)$/)
      }),
    )
  })
})

describe('extra', () => {
  it('is dropped as soon as a column has a rule, unless it is kept explicitly; so is the text of rejects', () => {
    expect(shownBy(privacy({ actor_email: 'drop' })).extra('{"run_name":"r"}')).toBeNull()
    expect(rulesOf({ actor_email: 'drop' })).toMatchObject({ keepsExtra: false, keepsRaw: false })
    expect(rulesOf({})).toMatchObject({ keepsExtra: true, keepsRaw: true })
    const kept = privacy({ actor_email: 'drop', extra: 'keep', rejects: 'keep' })
    expect(kept.rules).toMatchObject({ keepsExtra: true, keepsRaw: true })
  })

  it('that is kept treats what a column could not hold as that column, however its key is written', () => {
    const { extra } = shownBy(
      privacy({ actor_email: 'drop', user_email: 'pseudonym', actor_ip: 'truncate', extra: 'keep' }),
    )
    const long = `${'a'.repeat(70_000)}@example.com`
    const json = JSON.stringify({
      ACTOR_EMAIL: long,
      actor_email: long,
      actor_ip: '1.2.3.4',
      n: 1,
      'text:user_email': long,
    })
    expect(JSON.parse(String(extra(json)))).toEqual({
      actor_ip: '1.2.3.0/24',
      n: 1,
      'text:user_email': expect.stringMatching(/^pseudonym:/),
    })
    expect(extra(JSON.stringify({ actor_email: long }))).toBeNull()
    expect(extra('{"big":12345678901234567890.10,"s":"é"}')).toBe('{"big":12345678901234567890.10,"s":"é"}')
  })
})

describe('rules', () => {
  it('that hide a name in one column and show it in another are refused', () => {
    expect(() => rulesOf({ entity_name: 'pseudonym' })).toThrow(
      /artifact_qualified_name is kept and contains what entity_name hides/,
    )
    expect(() => rulesOf({ project_name: 'drop' })).toThrow(/artifact_qualified_name/)
    expect(rulesOf({ project_name: 'drop', artifact_qualified_name: 'pseudonym' }).columns.size).toBe(2)
  })
})
