import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { reportPage } from '../../src/report/page.js'
import { FINDING, grouped, HOSTILE, reportOf, rowsWith } from '../report/support.js'
import { axe, type Browser, openPage, type Page, startBrowser } from './browser.js'

let browser: Browser
beforeAll(async () => {
  browser = await startBrowser()
})
afterAll(() => browser.close())

const madePage = (...made: Parameters<typeof reportOf>): string => reportPage(reportOf(...made))

const DAY_MS = 86_400_000
const FROM = Date.UTC(2025, 8, 27)
const DAYS = Array.from({ length: 400 }, (_, i) => new Date(FROM + i * DAY_MS).toISOString().slice(0, 10))
/** Half of the days, so that there are gaps. */
const ROWS = rowsWith(
  'ada.lovelace@example.com',
  DAYS.filter((_, i) => i % 9 < 5),
)
const YEAR = madePage(
  { ...ROWS, coverage: [] },
  { range: { from: new Date(FROM), to: new Date(FROM + 400 * DAY_MS) }, findings: grouped(FINDING, FINDING) },
)
const LONG = 'W'.repeat(300)
const HOSTILE_PAGE = madePage(rowsWith([...HOSTILE, LONG].join('')), {
  sink: LONG,
  findings: grouped(
    ...[...HOSTILE, LONG].map((text) => ({
      ...FINDING,
      actor_email: text,
      subject: text,
      entity: text,
      address: text,
    })),
  ),
})
const EMPTY = madePage({})

const LOOKS = [
  { width: 1400, dark: false },
  { width: 400, dark: true },
  { width: 1400, dark: true },
  { width: 400, dark: false },
]

/** Elements that reach beyond the window, or whose text is cut off. */
const cutOff = (page: Page): Promise<unknown> =>
  page.evaluate(`(() => {
    const inSight = (element) => element.checkVisibility() && !element.closest('caption, thead, .skip')
    return [...document.querySelectorAll('body *')].filter(inSight).flatMap((element) => {
      const { left, right } = element.getBoundingClientRect()
      const cut = right > innerWidth + 1 || left < -1 || (element instanceof HTMLElement && element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 0 && getComputedStyle(element).display !== 'inline')
      return cut ? [element.tagName + ' ' + element.className + ' ' + element.textContent.slice(0, 60)] : []
    })
  })()`)

describe.each([
  { name: '400 days', html: YEAR, looks: LOOKS.slice(0, 2) },
  { name: 'hostile values', html: HOSTILE_PAGE, looks: LOOKS },
  { name: 'nothing', html: EMPTY, looks: LOOKS.slice(0, 1) },
])('a report of $name', ({ html, looks }) => {
  it.each(looks)('does nothing but show itself, accessibly: $width pixels, dark $dark', async (look) => {
    const { page, noted } = await openPage(browser, html, look)
    // 400 rows would keep axe busy for seconds, and are like the others.
    if (html !== YEAR) await page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    expect(await page.evaluate('document.scripts.length')).toBe(0)
    expect(await axe(page)).toEqual([])
    expect(noted).toEqual([])
    await page.context().close()
  })

  it.each([400, 820, 821, 1024])('fits into %d pixels, with nothing cut off', async (width) => {
    const { page } = await openPage(browser, html, { width })
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    if (html !== HOSTILE_PAGE || width < 821) expect(await cutOff(page)).toEqual([])
    await page.context().close()
  })
})

describe('a report', () => {
  it('is read with the keyboard alone: the skip link, the links of the contents, what is folded', async () => {
    const { page } = await openPage(browser, YEAR)
    const focused = (): Promise<unknown> =>
      page.evaluate("document.activeElement.tagName + ' ' + document.activeElement.textContent.trim()")
    await page.keyboard.press('Tab')
    expect(await focused()).toBe('A Skip to the content')
    expect(await page.evaluate('document.activeElement.getBoundingClientRect().left')).toBeGreaterThanOrEqual(0)
    await page.locator('nav a', { hasText: 'Hours of the week' }).focus()
    await page.keyboard.press('Enter')
    expect(
      await page.evaluate("Math.round(document.getElementById('hours').getBoundingClientRect().top)"),
    ).toBeLessThan(50)
    const summary = page.locator('summary', { hasText: 'Mean events per hour' })
    await summary.focus()
    await page.keyboard.press('Enter')
    expect(await page.locator('details[open]').count()).toBe(1)
    await page.context().close()
  })

  it('tells a screen reader what charts and tables say', async () => {
    const { page } = await openPage(browser, YEAR)
    const tree = await page.locator('body').ariaSnapshot()
    expect(tree).toContain('heading "W&B audit report" [level=1]')
    expect(tree).toMatch(/img "Log-ins and keys by UTC day: [\d,]+ events, [\d,]+ refused\. Most on /)
    expect(tree).toMatch(/img "October 2025: \d+ of 31 days with events, \d+ without any document"/)
    expect(tree).toMatch(/img "Mean events per hour by weekday and UTC hour\. Most on /)
    expect(tree).toMatch(/table "API keys created, newest first"/)
    expect(tree).toContain('columnheader "Address"')
    await page.context().close()
  })

  it('can be printed: without links to itself, light whatever the screen is', async () => {
    const { page, noted } = await openPage(browser, YEAR, { dark: true })
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    expect(await page.evaluate('getComputedStyle(document.documentElement).backgroundColor')).toBe('rgb(255, 255, 255)')
    expect(await page.locator('nav').isVisible()).toBe(false)
    expect(noted).toEqual([])
    await page.context().close()
  })

  it('notes what it should: a script and a picture in its place are refused', async () => {
    const { page, noted } = await openPage(
      browser,
      YEAR.replace(
        '</main>',
        '<script>alert(1)</script><img src="https://example.com/x.png" style="color: red"></main>',
      ),
    )
    expect(noted.join('\n')).toMatch(/inline script.*Content Security Policy/s)
    expect(noted.join('\n')).toMatch(/example\.com.*Content Security Policy/s)
    expect(noted.join('\n')).toMatch(/inline style.*Content Security Policy/s)
    await page.context().close()
  })
})
