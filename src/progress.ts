import type { GenericFormatter, MultiBar } from 'cli-progress'
import type { Logger } from './log.js'

/** Reports counts only, never a value of a record. */
export interface Progress {
  /** The totals to expect; bytes are null when a source does not know its sizes. */
  start(total: { readonly documents: number; readonly bytes: number | null }): void
  landed(bytes: number): void
  landedDocument(): void
  transformed(rows: number): void
  loaded(rows: number): void
  /** Writes a line from elsewhere, such as a log entry, without disrupting the bars. */
  write(line: string): void
  /** Draws the final state and releases the terminal. */
  stop(): void
}

export interface ProgressOptions {
  readonly stream: NodeJS.WriteStream
  /** Shows no progress. */
  readonly quiet: boolean
  /** Takes the lines when `stream` is not a terminal. */
  readonly logger: Logger
  /** The time in milliseconds; for tests. */
  readonly now?: () => number
}

const LINE_EVERY_MS = 10_000

/** Bars on a terminal; elsewhere a log line, at most every 10 seconds, and one at the end. */
export async function createProgress({ stream, quiet, logger, now = Date.now }: ProgressOptions): Promise<Progress> {
  const state: State = { documents: 0, bytes: 0, transformed: 0, loaded: 0, total: null, startedAt: 0, seconds: 0 }
  const view = quiet ? undefined : isTerminal(stream) ? await barsOn(stream, state) : linesTo(logger, state)
  const add = (what: keyof Counts, amount: number) => {
    state[what] += amount
    state.seconds = (now() - state.startedAt) / 1000
    view?.changed()
  }
  let running = false
  return {
    start(total) {
      // A run may process documents twice, for example to seal them.
      if (!running) Object.assign(state, { documents: 0, bytes: 0, transformed: 0, loaded: 0, seconds: 0 })
      state.total = total
      state.startedAt = now()
      if (!running) view?.start()
      running = true
    },
    landed: (bytes) => add('bytes', bytes),
    landedDocument: () => add('documents', 1),
    transformed: (rows) => add('transformed', rows),
    loaded: (rows) => add('loaded', rows),
    write: (line) => (running && view?.write ? view.write(line) : void stream.write(line)),
    stop() {
      if (!running) return
      running = false
      state.seconds = (now() - state.startedAt) / 1000
      view?.stop()
    },
  }
}

interface Counts {
  documents: number
  bytes: number
  transformed: number
  loaded: number
}

interface State extends Counts {
  total: { readonly documents: number; readonly bytes: number | null } | null
  startedAt: number
  /** From the start to the last change. */
  seconds: number
}

interface View {
  start(): void
  changed(): void
  stop(): void
  write?(line: string): void
}

function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && process.env.TERM !== 'dumb'
}

function linesTo(logger: Logger, state: State): View {
  let loggedAt = 0
  const log = () => logger.info(`${documentsText(state)}, ${bytesText(state)}, ${rowsText(state)}`)
  return {
    start: () => {
      loggedAt = 0
    },
    changed() {
      if ((state.seconds - loggedAt) * 1000 < LINE_EVERY_MS) return
      loggedAt = state.seconds
      log()
    },
    stop: log,
  }
}

async function barsOn(stream: NodeJS.WriteStream, state: State): Promise<View> {
  // Most runs have no terminal, and would start more slowly for it.
  const { default: cliProgress } = await import('cli-progress')
  const { default: stringWidth } = await import('string-width')
  const drawn = (done: number, total: number | null | undefined, options: Parameters<GenericFormatter>[0]): string =>
    total ? `${cliProgress.Format.BarFormat(Math.min(1, done / total), options)} ` : ''
  let bars: MultiBar | undefined
  return {
    start() {
      // linewrap makes the library cut lines to the terminal's width and leave the terminal's own wrapping alone.
      bars = new cliProgress.MultiBar({ stream, barsize: 24, linewrap: true }, cliProgress.Presets.shades_classic)
      const bar = (format: GenericFormatter) => bars?.create(1, 0, {}, { format })
      const fitting = (...texts: readonly string[]): string =>
        texts.find((text) => stringWidth(text) <= stream.columns) ?? texts.at(-1) ?? ''
      bar((options) => {
        const text = documentsText(state)
        return fitting(drawn(state.documents, state.total?.documents, options) + text, text)
      })
      bar((options) => {
        const text = bytesText(state)
        return fitting(drawn(state.bytes, state.total?.bytes, options) + text, text, shortBytesText(state))
      })
      bar(() => fitting(rowsText(state), `${count(state.loaded)} rows loaded`))
    },
    changed() {},
    stop: () => bars?.stop(),
    write(line) {
      bars?.log(line)
      bars?.update()
    },
  }
}

function documentsText({ documents, total }: State): string {
  return `${count(documents)} of ${count(total?.documents ?? 0)} documents`
}

function bytesText({ bytes, total, seconds }: State): string {
  const rate = seconds > 0 ? bytes / seconds : 0
  const known = total?.bytes ?? null
  const of = known === null ? '' : ` of ${size(known)}`
  const left = known !== null && rate > 0 && known > bytes ? `, ${duration((known - bytes) / rate)} left` : ''
  return `${size(bytes)}${of} landed (${size(rate)}/s${left})`
}

const shortBytesText = ({ bytes, total }: State): string =>
  `${size(bytes)}${total?.bytes == null ? '' : ` of ${size(total.bytes)}`} landed`

function rowsText({ transformed, loaded, seconds }: State): string {
  const rate = seconds > 0 ? loaded / seconds : 0
  return `${count(transformed)} rows transformed, ${count(loaded)} loaded (${count(Math.round(rate))} rows/s)`
}

function count(n: number): string {
  return n.toLocaleString('en')
}

/** Decimal units, as used by clouds and disks. */
function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB']
  const power = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3))
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}
