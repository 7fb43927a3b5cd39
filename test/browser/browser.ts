/** A browser that notes whatever a page should not do. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { newFolder } from '../support/load.js'

/** What these tests use of https://playwright.dev/docs/api/class-page. `make check` does without the package. */
export interface Page {
  on(event: 'console', listener: (message: { text(): string }) => void): void
  on(event: 'pageerror', listener: (error: Error) => void): void
  on(event: 'dialog', listener: (dialog: { message(): string; dismiss(): Promise<void> }) => void): void
  on(event: 'request', listener: (request: { url(): string }) => void): void
  goto(url: string): Promise<unknown>
  evaluate(script: string): Promise<unknown>
  locator(selector: string, options?: { hasText: string }): Locator
  emulateMedia(options: { media: 'print'; colorScheme: 'dark' }): Promise<void>
  pdf(options: { format: 'A4' }): Promise<Buffer>
  context(): { close(): Promise<void> }
  readonly keyboard: { press(key: string): Promise<void> }
}

interface Locator {
  focus(): Promise<void>
  count(): Promise<number>
  isVisible(): Promise<boolean>
  ariaSnapshot(): Promise<string>
}

export interface Browser {
  newContext(options: {
    readonly viewport: { readonly width: number; readonly height: number }
    readonly colorScheme: 'dark' | 'light'
  }): Promise<{ newPage(): Promise<Page> }>
  close(): Promise<void>
}

interface Playwright {
  readonly chromium: { launch(options: { executablePath: string; args: readonly string[] }): Promise<Browser> }
}

// Installed by `make test-browser` only.
const required = createRequire(import.meta.url)
const installed = (path: string): string => required.resolve(path)

const PLACES = ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium']

export async function startBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? PLACES.find((path) => existsSync(path))
  if (executablePath === undefined)
    throw new Error('there is no Chromium: apt-get install chromium-headless-shell, or name one in CHROMIUM')
  // CI runs as root, for whom Chromium has no sandbox.
  const { chromium } = required(installed('playwright-core')) as Playwright
  return chromium.launch({ executablePath, args: ['--no-sandbox'] })
}

export interface Look {
  readonly width?: number
  readonly dark?: boolean
}

export interface Opened {
  readonly page: Page
  /** Messages of the console, violations of the policy, errors, dialogs, and requests other than for the page itself. */
  readonly noted: readonly string[]
}

/** Opens a page from a file, as its reader would. */
export async function openPage(
  browser: Browser,
  html: string,
  { width = 1400, dark = false }: Look = {},
): Promise<Opened> {
  const path = join(newFolder(), 'report.html')
  writeFileSync(path, html)
  const url = pathToFileURL(path).href
  const noted: string[] = []
  const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme: dark ? 'dark' : 'light' })
  const page = await context.newPage()
  page.on('console', (message) => noted.push(`console: ${message.text()}`))
  page.on('pageerror', (error) => noted.push(`error: ${error.message}`))
  page.on('dialog', (dialog) => {
    noted.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('request', (request) => {
    if (request.url() !== url) noted.push(`request: ${request.url()}`)
  })
  await page.goto(url)
  return { page, noted }
}

interface Violation {
  readonly id: string
  readonly nodes: readonly { readonly html: string }[]
}

/** What axe-core finds, as `rule: element`. */
export async function axe(page: Page): Promise<string[]> {
  const source = readFileSync(installed('axe-core/axe.min.js'), 'utf8')
  // Past the page's policy, which allows no script.
  await page.evaluate(source)
  const violations = (await page.evaluate(
    "axe.run(document, { resultTypes: ['violations'] }).then(({ violations }) => violations)",
  )) as readonly Violation[]
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`))
}
