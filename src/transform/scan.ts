/**
 * Reads JSON as strictly as JSON.parse, but keeps it as bytes: time and memory are linear in the text and independent of
 * its nesting, no number becomes a double, and duplicate keys are detected.
 */

/** Python, Redshift's SUPER and worker threads on macOS have their limits near here; BigQuery's is 500. */
export const MOST_LEVELS = 1000
/** Keys of an object and of those around it. An engine that lists the keys of 2,048 such objects needs about 100 MB. */
export const MOST_KEYS = 2000

export type ScanProblem =
  | 'not_json'
  | 'two_values'
  | 'too_deep'
  | 'too_many_keys'
  | 'unpaired_surrogate'
  | 'duplicate_key'

export interface Member {
  readonly key: string
  /** As JSON.stringify would write it, with all digits of numbers. */
  readonly value: string
  /** As it is in the text. */
  readonly written: Buffer
  /** Whether an object in the value has a key twice. */
  readonly repeats: boolean
}

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const MINUS = 0x2d
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const LOWER_U = 0x75

const LITERALS: Readonly<Record<number, Buffer>> = Object.fromEntries(
  ['true', 'false', 'null'].map((text) => [text.charCodeAt(0), Buffer.from(text)]),
)
const ESCAPES = new Set(Buffer.from('"\\/bfnrt'))

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

class Problem extends Error {
  readonly problem: ScanProblem

  constructor(problem: ScanProblem) {
    super(problem)
    this.problem = problem
  }
}

/**
 * The members of an object; null when the text is JSON but not an object.
 *
 * @param text valid UTF-8
 * @param mostKeys limit for an object together with those around it
 */
export function scan(
  text: Buffer,
  mostKeys = MOST_KEYS,
): { readonly members: readonly Member[] | null } | { readonly problem: ScanProblem } {
  try {
    return { members: new Scanner(text, mostKeys).read() }
  } catch (error) {
    if (error instanceof Problem) return { problem: error.problem }
    throw error
  }
}

class Scanner {
  private readonly text: Buffer
  private at = 0
  /** The keys of the objects that are open; null for an array. */
  private readonly open: (Set<string> | null)[] = []
  private openKeys = 0
  private unpaired = false
  private repeats = false
  private readonly copy: Copy
  private readonly mostKeys: number

  constructor(text: Buffer, mostKeys: number) {
    this.text = text
    this.mostKeys = mostKeys
    this.copy = new Copy(text)
  }

  read(): Member[] | null {
    this.space()
    const isObject = this.text[this.at] === OPEN_OBJECT
    const members = isObject ? this.object() : null
    if (!isObject) this.value()
    this.space()
    if (this.at < this.text.length) throw new Problem(this.text[this.at] === OPEN_OBJECT ? 'two_values' : 'not_json')
    if (this.unpaired) throw new Problem('unpaired_surrogate')
    if (members !== null && new Set(members.map(({ key }) => key)).size < members.length) {
      throw new Problem('duplicate_key')
    }
    return members
  }

  private object(): Member[] {
    const members: Member[] = []
    this.enter(new Set())
    this.space()
    if (this.text[this.at] === CLOSE_OBJECT) {
      this.leave()
      return members
    }
    for (;;) {
      const key = this.key()
      this.space()
      const start = this.at
      this.repeats = false
      this.copy.begin(start)
      this.value()
      const written = this.text.subarray(start, this.at)
      members.push({ key, value: this.copy.end(this.at), written, repeats: this.repeats })
      this.space()
      const byte = this.text[this.at]
      if (byte === CLOSE_OBJECT) break
      if (byte !== COMMA) throw new Problem('not_json')
      this.at++
      this.space()
    }
    this.leave()
    return members
  }

  /** Reads one value of any kind, without recursion. */
  private value(): void {
    const { text, open } = this
    const outside = open.length
    for (;;) {
      this.skip()
      // A value begins.
      const byte = text[this.at]
      if (byte === OPEN_OBJECT || byte === OPEN_ARRAY) {
        this.enter(byte === OPEN_OBJECT ? new Set() : null)
        this.skip()
        if (text[this.at] !== (byte === OPEN_OBJECT ? CLOSE_OBJECT : CLOSE_ARRAY)) {
          if (byte === OPEN_OBJECT) this.keyWithin()
          continue
        }
        this.leave()
      } else this.scalar(byte)
      // A value has ended, and perhaps those around it.
      for (;;) {
        if (open.length === outside) return
        this.skip()
        const next = text[this.at]
        const isObject = open.at(-1) !== null
        if (next === COMMA) {
          this.at++
          this.skip()
          if (isObject) this.keyWithin()
          break
        }
        if (next !== (isObject ? CLOSE_OBJECT : CLOSE_ARRAY)) throw new Problem('not_json')
        this.leave()
      }
    }
  }

  private enter(keys: Set<string> | null): void {
    this.at++
    if (this.open.push(keys) > MOST_LEVELS) throw new Problem('too_deep')
  }

  private leave(): void {
    this.at++
    this.openKeys -= this.open.pop()?.size ?? 0
  }

  private keyWithin(): void {
    const keys = this.open.at(-1)
    const before = keys?.size
    keys?.add(this.key())
    if (keys?.size === before) this.repeats = true
    this.skip()
  }

  /** Reads a key and its colon. */
  private key(): string {
    if (this.text[this.at] !== QUOTE) throw new Problem('not_json')
    const start = this.at
    this.string()
    const key = stringOf(this.text.subarray(start, this.at))
    if (++this.openKeys > this.mostKeys) throw new Problem('too_many_keys')
    this.skip()
    if (this.text[this.at++] !== COLON) throw new Problem('not_json')
    return key
  }

  private scalar(byte: number | undefined): void {
    if (byte === QUOTE) this.string()
    else if (byte === MINUS || isDigit(byte)) this.number()
    else this.literal(LITERALS[byte ?? 0])
  }

  private literal(literal: Buffer | undefined): void {
    if (literal?.equals(this.text.subarray(this.at, this.at + literal.length)) !== true) throw new Problem('not_json')
    this.at += literal.length
  }

  private number(): void {
    const { text } = this
    if (text[this.at] === MINUS) this.at++
    if (text[this.at] === 0x30) this.at++
    else this.digits()
    if (text[this.at] === 0x2e) {
      this.at++
      this.digits()
    }
    if (text[this.at] === 0x65 || text[this.at] === 0x45) {
      this.at++
      if (text[this.at] === 0x2b || text[this.at] === MINUS) this.at++
      this.digits()
    }
  }

  private digits(): void {
    if (!isDigit(this.text[this.at])) throw new Problem('not_json')
    while (isDigit(this.text[this.at])) this.at++
  }

  private string(): void {
    const { text } = this
    const start = this.at
    let at = start + 1
    let escaped = false
    for (;;) {
      const byte = text[at] ?? 0
      if (byte === QUOTE) break
      if (byte < 0x20) throw new Problem('not_json')
      if (byte !== BACKSLASH) at++
      else {
        escaped = true
        at = this.escape(at + 1)
      }
    }
    this.at = at + 1
    if (escaped) this.copy.rewrite(start, this.at)
  }

  /** Reads what follows a backslash; returns the position after it. */
  private escape(at: number): number {
    const byte = this.text[at] ?? 0
    if (byte !== LOWER_U) {
      if (!ESCAPES.has(byte)) throw new Problem('not_json')
      return at + 1
    }
    const unit = this.hex(at + 1)
    const end = at + 5
    if (unit < 0xd800 || unit > 0xdfff) return end
    const isPair = unit < 0xdc00 && this.text[end] === BACKSLASH && this.text[end + 1] === LOWER_U
    const low = isPair ? this.hex(end + 2) : 0
    if (low >= 0xdc00 && low <= 0xdfff) return end + 6
    this.unpaired = true
    return end
  }

  private hex(at: number): number {
    const digits = this.text.toString('latin1', at, at + 4)
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw new Problem('not_json')
    return Number.parseInt(digits, 16)
  }

  /** Skips white space and leaves it out of the copy. */
  private skip(): void {
    const start = this.at
    this.space()
    if (this.at > start) this.copy.omit(start, this.at)
  }

  private space(): void {
    const { text } = this
    for (let byte = text[this.at]; byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d; ) {
      byte = text[++this.at]
    }
  }
}

/** Decodes a string literal. */
function stringOf(written: Buffer): string {
  return written.includes(BACKSLASH)
    ? JSON.parse(written.toString('utf8'))
    : written.toString('utf8', 1, written.length - 1)
}

/** Copies a value's text without white space between its tokens, and with its strings as JSON.stringify writes them. */
class Copy {
  private readonly text: Buffer
  private target: Buffer | null = null
  private active = false
  private start = 0
  private copied = 0
  private length = 0

  constructor(text: Buffer) {
    this.text = text
  }

  begin(at: number): void {
    this.active = true
    this.start = at
    this.copied = at
    this.length = 0
  }

  /** Leaves out the bytes in between. */
  omit(from: number, to: number): void {
    if (!this.active) return
    this.take(from)
    this.copied = to
  }

  /** Rewrites a string with escapes, which never makes it longer. */
  rewrite(from: number, to: number): void {
    if (!this.active) return
    const written = this.text.toString('utf8', from, to)
    const rewritten = JSON.stringify(JSON.parse(written))
    if (rewritten === written) return
    this.take(from)
    this.length += this.buffer().write(rewritten, this.length)
    this.copied = to
  }

  end(at: number): string {
    this.active = false
    if (this.copied === this.start) return this.text.toString('utf8', this.start, at)
    this.take(at)
    return this.buffer().toString('utf8', 0, this.length)
  }

  private take(to: number): void {
    this.length += this.text.copy(this.buffer(), this.length, this.copied, to)
  }

  private buffer(): Buffer {
    this.target ??= Buffer.allocUnsafe(this.text.length)
    return this.target
  }
}
