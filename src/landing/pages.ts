/** Turns saved pages of the API into lines of events; passes any other text through unchanged. */

import { AuditError } from '../errors.js'
import { Output, Page, PageError, type PageStep } from '../pages/page.js'

export interface PageFacts {
  /** Whether the text consists of page objects; set before their first event is yielded. */
  isPage: boolean
  /** Whether the last page names a next page. */
  moreFollow: boolean
}

/**
 * @param chunks the document's text
 * @param facts  filled in as the text passes
 * @throws AuditError when a page breaks off or does not hold the `count` of events it states
 */
export async function* unwrapPages(chunks: AsyncIterable<Uint8Array>, facts: PageFacts): AsyncGenerator<Uint8Array> {
  try {
    yield* unwrapped(chunks, facts)
  } catch (error) {
    if (!(error instanceof PageError)) throw error
    throw new AuditError(
      `the page object ${error.message}; the document did not arrive whole, and none of it was loaded`,
      {
        advice: 'Fetch or save it again.',
      },
    )
  }
}

async function* unwrapped(chunks: AsyncIterable<Uint8Array>, facts: PageFacts): AsyncGenerator<Uint8Array> {
  let page: Page | null = new Page()
  for await (const chunk of chunks) {
    if (page === null) {
      yield chunk
      continue
    }
    // One buffer for all pages of the chunk: there may be tens of thousands.
    const output = new Output(chunk)
    let rest: Uint8Array | null = chunk
    while (page !== null && rest !== null) {
      const before = output.length
      const { left, state }: PageStep = page.push(rest, output)
      if (output.length > before || state === 'done') facts.isPage = true
      rest = left
      if (state === 'done') {
        facts.moreFollow = page.nextCursor !== null
        page = new Page()
      }
      if (state === 'not a page') page = null
    }
    if (output.length > 0) yield output.bytes()
    if (page === null) yield Buffer.concat([Buffer.from(facts.isPage ? '\n' : ''), rest ?? Buffer.alloc(0)])
  }
  if (page !== null) {
    const left = page.end()
    if (left.length > 0) yield left
  }
}
