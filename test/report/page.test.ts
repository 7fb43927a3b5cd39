import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { maskedFinding } from '../../src/report/findings.js'
import { masked, newMask } from '../../src/report/mask.js'
import { answersOf, FINDING, grouped, HOSTILE, pageOf, rowsWith } from './support.js'

describe('a report', () => {
  it('allows its own style sheet by its hash, and nothing else', () => {
    const page = pageOf(rowsWith('ada@example.com'))
    const [, style = ''] = /<style>([\s\S]*?)<\/style>/.exec(page) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(page).toContain(`default-src &#39;none&#39;; style-src &#39;sha256-${hash}&#39;`.replaceAll('&#39;', "'"))
    expect(page).not.toMatch(/<(?:script|link|img|iframe|object|embed|form|base)\b/i)
    expect(page).not.toMatch(/\s(?:style|on\w+|src|xlink:href)=/i)
    expect([...page.matchAll(/href="([^"]*)"/g)].filter(([, to]) => !to?.startsWith('#'))).toEqual([])
  })

  it.each(HOSTILE)('shows %j as text, wherever it stands', (text) => {
    const plain = pageOf(rowsWith('word'), {
      sink: 'word',
      findings: grouped({ ...FINDING, subject: 'word', entity: 'word' }),
    })
    const page = pageOf(rowsWith(text), { sink: text, findings: grouped({ ...FINDING, subject: text, entity: text }) })
    // The same elements and attributes as for a harmless word.
    const markup = (html: string): string[] =>
      html.match(/<\/?[a-z][^<>]*>/gi)?.map((tag) => tag.replaceAll(/ class="long"| aria-label="[^"]*"/g, '')) ?? []
    expect(markup(page)).toEqual(markup(plain))
    expect(page.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)
  })

  it('of an empty warehouse says so', () => {
    const page = pageOf({
      totals: [{ events: 0, actors: 0, addresses: 0, refused: 0, newest: null }],
    })
    expect(page).toContain('There are no events on these days.')
    expect(page).toContain('Nothing has been loaded yet.')
    expect(page).toContain('no event on these days')
    expect(page).not.toContain('NaN')
    expect(page).not.toContain('Infinity')
    expect(page).not.toContain('undefined')
  })

  it('of one event counts it once', () => {
    const page = pageOf({
      totals: [{ events: 1, actors: 1, addresses: 0, refused: 0, newest: '2026-10-31T11:00:00Z' }],
      hours: [{ day: '2026-10-31', utc_hour: 11, category: 'auth', events: 1, refused: 0 }],
    })
    expect(page).toContain('60 minutes ago')
    expect(page).toMatch(/aria-label="Log-ins and keys by UTC day: 1 event\. Most on 2026-10-31: 1\."/)
    expect(page).not.toMatch(/NaN|Infinity|undefined/)
  })

  it('of 400 days has each day, and stays below half a megabyte', () => {
    const from = Date.UTC(2025, 8, 27)
    const days = Array.from({ length: 400 }, (_, i) => new Date(from + i * 86_400_000).toISOString().slice(0, 10))
    const range = { from: new Date(from), to: new Date(from + 400 * 86_400_000) }
    const page = pageOf(rowsWith('ada@example.com', days), { range })
    expect(page.match(/<title>\d{4}-\d\d-\d\d: /g)).toHaveLength(400)
    expect(page.length).toBeLessThan(500_000)
  })

  it('of the same answers at the same time has the same bytes', () => {
    expect(pageOf(rowsWith('ada'))).toBe(pageOf(rowsWith('ada')))
  })

  it('has the first rows of a list in sight, the others folded, and counts those that it leaves out', () => {
    const rows = Array.from({ length: 50 }, (_, i) => ({
      action: `model:v${i}`,
      events: 1,
      last_seen: null,
      total: 73,
    }))
    const page = pageOf({ unknown_actions: rows })
    expect(page.match(/model:v\d+/g)).toHaveLength(50)
    expect(page).toContain('<summary>40 more</summary>')
    expect(page).toContain('and 23 more that the report leaves out')
  })

  it('has the latest findings of each detection, the most severe first, and counts all', () => {
    const many = Array.from({ length: 25 }, (_, i) => ({ ...FINDING, subject: `subject-${i}` }))
    const low = grouped({ ...FINDING, severity: 'low', title: 'Something minor' })
    const page = pageOf({}, { findings: [...low, ...grouped(...many)] })
    expect(page.indexOf(FINDING.title)).toBeLessThan(page.indexOf('Something minor'))
    expect(page.match(/subject-\d+/g)).toEqual(Array.from({ length: 20 }, (_, i) => `subject-${24 - i}`))
    expect(page).toContain('<b>26</b><span>findings, 25 of high severity</span>')
    expect(page).toContain('and 5 more that the report leaves out')
  })

  it.each([
    ['medium', '2 findings of medium severity'],
    ['low', 'Nothing stands out.'],
  ] as const)('says at the top that there are findings of %s severity, or not', (severity, says) => {
    const one = { ...FINDING, severity }
    const rows = {
      totals: [{ events: 1, newest: '2026-10-31T11:00:00Z' }],
      hours: [{ day: '2026-10-31', utc_hour: 11, category: 'auth', events: 1, refused: 0 }],
    }
    const range = { from: new Date('2026-10-31T00:00:00Z'), to: new Date('2026-11-01T00:00:00Z') }
    const page = pageOf(rows, { findings: grouped(one, { ...one, subject: 'other' }), range })
    const attention = page.slice(page.indexOf('<aside'), page.indexOf('</aside>'))
    expect(attention).toContain(says)
  })

  it('names first what needs a look', () => {
    const page = pageOf(rowsWith('ada'), { findings: grouped(FINDING) })
    const attention = page.slice(page.indexOf('<aside'), page.indexOf('</aside>'))
    expect(attention).toContain('1 finding of high severity')
    expect(attention).toContain('no event for 28 days')
    expect(attention).toContain('1 actor with at least 3 times the usual artifact reads on a day')
    expect(attention).toContain('2 actions and keys that W&amp;B does not document')
  })
})

describe('a masked report', () => {
  const mask = newMask()
  const keys = { happened_at: null, actor_ip: '203.0.113.9' }
  const rows = {
    ...{ ...rowsWith('ada@example.com') },
    keys_created: [
      { ...keys, actor_user_id: '7', actor_email: 'ada@example.com', user_email: 'eve@example.com' },
      { ...keys, actor_user_id: null, actor_email: 'eve@example.com', user_email: null },
    ],
  }
  const answers = masked(answersOf(rows), mask)

  it('has the same label for the same name in every place, and ids as they are', () => {
    expect(answers.get('keys_created')).toMatchObject([
      { actor_user_id: '7', actor_email: 'person 1', user_email: 'person 2', actor_ip: 'address 1' },
      { actor_user_id: null, actor_email: 'person 2', user_email: null, actor_ip: 'address 1' },
    ])
    const finding = { ...FINDING, actor: 'eve@example.com', entity: 'Secret team', subject: '99' }
    expect(maskedFinding(finding, mask)).toMatchObject({
      actor: 'person 2',
      actor_email: 'person 1',
      address: 'address 1',
      entity: expect.stringMatching(/^team \d+$/),
      subject: '99',
    })
  })
})
