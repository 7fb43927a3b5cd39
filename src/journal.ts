/**
 * Records what a run has done and what it is about to do, in a process that survives a crash.
 *
 * Native code can crash the run's process at any statement. The next process gets the entries of the crashed ones and
 * continues from there: it knows what was loaded, and does not repeat what caused the crash.
 */

import type { Batch, LoadCounts } from './contract.js'
import { AuditError } from './errors.js'

export interface Summary {
  /** Documents loaded. */
  documents: number
  /** Documents whose version every sink already had. */
  skipped: number
  /** How many documents were left out because they are archived, by what to do about them. */
  archived: { documents: number; example: string; advice: string }[]
  /** Documents missing in at least one sink, with the reason. */
  failed: { document: string; error: string; advice: string | null }[]
  sinks: SinkSummary[]
}

export type SinkSummary = { sink: string; error: string | null } & { -readonly [count in keyof LoadCounts]: number }

/** A source's id and a document's id. */
export type Key = string

/** Plain data, because entries travel between processes. `documents` is omitted when the same as in the previous entry. */
export type Entry =
  | { readonly type: 'begun'; readonly step: string; readonly documents?: readonly Key[] }
  | { readonly type: 'ended' }
  /** The result of a step that runs only once. */
  | { readonly type: 'result'; readonly error: string | null }
  | ({ readonly type: 'loaded' } & Load)
  | { readonly type: 'finished'; readonly documents?: readonly Key[] }
  | { readonly type: 'failed'; readonly key: Key; readonly failure: Summary['failed'][number] }
  | { readonly type: 'sink failed'; readonly sink: string; readonly error: string }
  | { readonly type: 'died'; readonly how: string }

interface Load {
  readonly sink: string
  readonly counts: LoadCounts
  /** The sink now has all of the documents. */
  readonly completes: boolean
  /** No event is earlier, in milliseconds since 1970 UTC; null if there are none. */
  readonly least: number | null
}

/** The earliest time in a batch, for `Load`. */
export const leastOf = ({ events: { bounds } }: Pick<Batch, 'events'>): number | null =>
  bounds === null ? null : Math.floor(Number(bounds.least) / 1000)

/** Sends an entry to the process that survives; resolves once it has left this one. */
export type Post = (entry: Entry) => Promise<void>

/** A single document gets a second attempt, because the crash may have been a kill by the operator or for lack of memory. */
const DEATHS_OF_ONE = 2

/** After this many crashes, batches that crash are no longer taken apart. */
const MOST_DEATHS = 300

interface Death {
  readonly step: string
  readonly documents: ReadonlySet<Key>
  readonly how: string
}

export class Journal {
  readonly summary: Summary
  /** This run inserted no earlier event, in milliseconds since 1970 UTC; null if it inserted none. */
  leastInserted: number | null = null
  private readonly post: Post
  /** Documents finished by earlier processes, and those that failed in this one. */
  private readonly finishedDocuments = new Set<Key>()
  /** By sink: documents loaded by earlier processes. */
  private readonly loadedDocuments = new Map<string, Set<Key>>()
  /** Results of steps that run only once: the error, or null. */
  private readonly results = new Map<string, string | null>()
  private readonly deaths: Death[] = []
  private deathCount = 0
  private documents: readonly Key[] = []
  private step: string | null = null
  private replaying = true

  /** @param entries those of the crashed processes of this run */
  constructor(sinks: readonly string[] = [], entries: readonly Entry[] = [], post: Post = async () => {}) {
    const counts = { read: 0, inserted: 0, enriched: 0, unchanged: 0, rejected: 0, conflicts: 0 }
    const empty = sinks.map((sink) => ({ sink, error: null, ...counts }))
    this.summary = { documents: 0, skipped: 0, archived: [], failed: [], sinks: empty }
    this.post = post
    for (const entry of entries) this.apply(entry)
    this.applyFinished(this.loadedEverywhere(sinks))
    this.replaying = false
  }

  /** Whether a process of this run has crashed. From then on nothing runs concurrently with a step. */
  get careful(): boolean {
    return this.deathCount > 0
  }

  /** Whether to leave out documents that crash as a whole, rather than search for the line at fault. */
  get givesUp(): boolean {
    return this.deathCount > MOST_DEATHS
  }

  isFinished(document: Key): boolean {
    return this.finishedDocuments.has(document)
  }

  hasFailed(sink: string): boolean {
    return this.summary.sinks.some((each) => each.sink === sink && each.error !== null)
  }

  /** How many of the documents earlier processes of this run have loaded into the sink. */
  loadedCount(sink: string, documents: readonly Key[]): number {
    const loaded = this.loadedDocuments.get(sink)
    return loaded === undefined ? 0 : documents.filter((document) => loaded.has(document)).length
  }

  /** Whether a process crashed while it worked on some of these documents and no others. */
  hasKilled(documents: readonly Key[]): boolean {
    return this.deathsOf(null, documents).length > 0
  }

  /**
   * Runs `work` on documents, unless it has crashed a process that ran it on these or on some of them.
   *
   * @throws AuditError that says how the process died; what `work` throws
   */
  async survive<T>(step: string, documents: readonly Key[], work: () => Promise<T>): Promise<T> {
    const died = this.deathsOf(step, documents)
    if (died.length >= (documents.length === 1 ? DEATHS_OF_ONE : 1)) throw new AuditError(howItDied(died))
    await this.begin(step, documents)
    try {
      return await work()
    } finally {
      if (this.step !== null) await this.note({ type: 'ended' })
    }
  }

  /** Loads whole documents into a sink. @param least as in `Load` */
  async load(
    sink: string,
    documents: readonly Key[],
    work: () => Promise<LoadCounts>,
    least: number | null = null,
  ): Promise<LoadCounts> {
    return this.survive(`load ${sink}`, documents, async () => {
      const { counts, failure } = await outcomeOf(work)
      await this.note({ type: 'loaded', sink, counts, completes: true, least })
      if (failure !== null) throw failure
      return counts
    })
  }

  /**
   * Runs `work` once in all processes of the run, and remembers its result.
   *
   * @param work returns the counts if it loads a part of the document; `completes` marks the last part, and `failure` is an
   * error after the commit
   * @param described turns its error into the result; `once` throws what this throws
   * @returns the described error, or how the process died; null when the work succeeded
   */
  async once(
    step: string,
    document: Key,
    work: () => Promise<(LoadOutcome & Load) | null>,
    described: (error: unknown) => string,
  ): Promise<string | null> {
    const known = this.results.get(resultKey(step, document))
    if (known !== undefined) return known
    const died = this.deathsOf(step, [document])
    if (died.length > 0) return howItDied(died)
    await this.begin(step, [document])
    try {
      const load = await work()
      if (load === null) {
        await this.note({ type: 'result', error: null })
        return null
      }
      const { failure, ...loaded } = load
      await this.note({ type: 'loaded', ...loaded })
      if (failure !== null) throw failure
      return null
    } catch (error) {
      const why = described(error)
      await this.note({ type: 'result', error: why })
      return why
    } finally {
      if (this.step !== null) await this.note({ type: 'ended' })
    }
  }

  /**
   * Marks the document as the one being worked on, until the next step.
   *
   * @throws AuditError when landing it has crashed a process
   */
  async beginLanding(document: Key): Promise<void> {
    const died = this.deathsOf('land', [document])
    if (died.length >= DEATHS_OF_ONE) throw new AuditError(howItDied(died))
    await this.begin('land', [document])
  }

  private async begin(step: string, documents: readonly Key[]): Promise<void> {
    const same = documents === this.documents
    this.documents = documents
    await this.note(same ? { type: 'begun', step } : { type: 'begun', step, documents })
  }

  /** The documents are in every sink that has not failed. */
  async finish(documents: readonly Key[]): Promise<void> {
    const same = documents === this.documents
    this.documents = documents
    await this.note(same ? { type: 'finished' } : { type: 'finished', documents })
  }

  async fail(key: Key, document: string, { message, advice }: AuditError): Promise<void> {
    await this.note({ type: 'failed', key, failure: { document, error: message, advice: advice ?? null } })
  }

  /** An archived document. Not for the processes that follow: they find it archived again. */
  leaveOut(document: string, advice: string): void {
    const { archived } = this.summary
    const known = archived.find((each) => each.advice === advice)
    if (known === undefined) archived.push({ documents: 1, example: document, advice })
    else known.documents++
  }

  async failSink(sink: string, error: string): Promise<void> {
    await this.note({ type: 'sink failed', sink, error })
  }

  private async note(entry: Entry): Promise<void> {
    this.apply(entry)
    await this.post(entry)
  }

  /** @param step null for any step */
  private deathsOf(step: string | null, documents: readonly Key[]): readonly Death[] {
    if (this.deaths.length === 0) return []
    const all = new Set(documents)
    const isWithin = (death: Death): boolean => [...death.documents].every((key) => all.has(key))
    return this.deaths.filter((death) => (step === null || death.step === step) && isWithin(death))
  }

  private apply(entry: Entry): void {
    if ('documents' in entry && entry.documents !== undefined) this.documents = entry.documents
    switch (entry.type) {
      case 'begun':
        this.step = entry.step
        return
      case 'result':
        this.results.set(resultKey(this.step ?? '', this.documents[0] ?? ''), entry.error)
        break
      case 'loaded':
        this.applyLoad(entry)
        break
      case 'finished':
        this.applyFinished(this.documents)
        break
      case 'failed':
        this.finishedDocuments.add(entry.key)
        this.summary.failed.push(entry.failure)
        return
      case 'sink failed':
        for (const sink of this.summary.sinks) if (sink.sink === entry.sink) sink.error = entry.error
        return
      case 'died':
        this.deathCount++
        if (this.step !== null) {
          this.deaths.push({ step: this.step, documents: new Set(this.documents), how: entry.how })
        }
    }
    this.step = null
  }

  private applyLoad({ sink, counts, completes, least }: Load): void {
    if (counts.inserted > 0 && least !== null) this.leastInserted = Math.min(least, this.leastInserted ?? least)
    for (const total of this.summary.sinks) {
      if (total.sink !== sink) continue
      for (const count of ['read', 'inserted', 'enriched', 'unchanged', 'rejected', 'conflicts'] as const)
        total[count] += counts[count]
    }
    this.results.set(resultKey(this.step ?? '', this.documents[0] ?? ''), null)
    if (!completes || !this.replaying) return
    const loaded = this.loadedDocuments.get(sink) ?? new Set()
    for (const key of this.documents) loaded.add(key)
    this.loadedDocuments.set(sink, loaded)
  }

  private loadedEverywhere(sinks: readonly string[]): readonly Key[] {
    const taking = sinks.filter((sink) => !this.hasFailed(sink))
    const [first, ...others] = taking.map((sink) => this.loadedDocuments.get(sink) ?? new Set<Key>())
    return [...(first ?? [])].filter((key) => others.every((loaded) => loaded.has(key)))
  }

  private applyFinished(documents: readonly Key[]): void {
    for (const key of documents) {
      // It may have failed in one of the sinks.
      if (this.finishedDocuments.has(key)) continue
      this.summary.documents++
      if (this.replaying) this.finishedDocuments.add(key)
    }
  }
}

export interface LoadOutcome {
  readonly counts: LoadCounts
  /** An error after the commit: the counts are real nevertheless. */
  readonly failure: AuditError | null
}

/** @throws what `work` throws if it committed nothing */
export async function outcomeOf(work: () => Promise<LoadCounts>): Promise<LoadOutcome> {
  try {
    return { counts: await work(), failure: null }
  } catch (error) {
    if (!(error instanceof AuditError) || error.committed === undefined) throw error
    return { counts: error.committed, failure: error }
  }
}

/** The entries for a run whose sink dies with its process: nothing counts as loaded, but what crashed is known. */
export const withoutLoads = (entries: readonly Entry[]): readonly Entry[] =>
  entries.flatMap((entry): Entry[] => {
    if (entry.type === 'loaded') return [{ type: 'ended' }]
    if (entry.type !== 'finished') return [entry]
    // A later entry without documents means these.
    return entry.documents === undefined
      ? []
      : [{ type: 'begun', step: 'finish', documents: entry.documents }, { type: 'ended' }]
  })

const resultKey = (step: string, document: Key): string => `${step}\n${document}`

const howItDied = (deaths: readonly Death[]): string =>
  `the process that worked on it ended with ${deaths.at(-1)?.how ?? 'an error'}`
