// A real browser for the tests: Debian's Chromium, in which nothing but this machine exists. It keeps all that a page complains of and
// whatever is asked of another origin, and looks a page over in light and dark and at three widths.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import axe from 'axe-core';
import { chromium, type Browser, type Page } from 'playwright-core';
import type { Weir } from './harness.js';

const PROGRAM = process.env.CHROMIUM ?? '/usr/bin/chromium';
/** Where Weir is for the browser, whatever port it listens on: its public_url. */
export const ORIGIN = 'http://localhost:8080';
export const noBrowser: string | false = existsSync(PROGRAM) ? false : `there is no ${PROGRAM}; tools/setup.sh installs it where the system has it as a package`;

const FLAGS = ['--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const WIDTHS = [320, 768, 1440];

export class Viewer {
  /** Errors and warnings of the console, exceptions, and what the pages' policy has stopped. */
  readonly complaints: string[] = [];
  /** Requests of our pages that went to nobody they may go to. */
  readonly outside: string[] = [];
  private shots = 0;
  private constructor(private readonly browser: Browser, readonly page: Page) {}

  static async open(weir: Weir): Promise<Viewer> {
    const rules = `MAP localhost 127.0.0.1:${new URL(weir.url).port}, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`;
    const browser = await chromium.launch({ executablePath: PROGRAM, args: [...FLAGS, `--host-resolver-rules=${rules}`], chromiumSandbox: process.getuid?.() !== 0 });
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const viewer = new Viewer(browser, page);
    page.setDefaultTimeout(20000);
    await page.addInitScript(() => {
      addEventListener('securitypolicyviolation', (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
    });
    page.on('console', (m) => {
      if (['error', 'warning'].includes(m.type()) && m.location().url.startsWith(ORIGIN)) viewer.complaints.push(m.text());
    });
    page.on('pageerror', (e) => {
      if (page.url().startsWith(ORIGIN)) viewer.complaints.push(String(e));
    });
    page.on('request', (rq) => {
      if (!rq.isNavigationRequest() && page.url().startsWith(ORIGIN) && !rq.url().startsWith(`${ORIGIN}/`)) viewer.outside.push(rq.url());
    });
    return viewer;
  }

  async go(path: string): Promise<void> {
    await this.page.goto(ORIGIN + path);
  }

  /** The text of one element, once it is what is waited for. */
  async says(selector: string, wanted: RegExp): Promise<void> {
    const found = this.page.locator(selector).filter({ hasText: wanted });
    await found.waitFor().catch(async () => assert.fail(`${selector} says ${JSON.stringify(await this.page.locator(selector).allTextContents())}, not ${wanted.source}`));
  }

  /** In light and dark, at each width: nothing that axe finds, and nothing to scroll sideways. */
  async looksRight(name: string): Promise<void> {
    await this.page.evaluate(axe.source);
    for (const colorScheme of ['light', 'dark'] as const) {
      await this.page.emulateMedia({ colorScheme });
      for (const width of WIDTHS) {
        await this.page.setViewportSize({ width, height: 800 });
        const wide = await this.page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${name} is ${wide} px wide in a window of ${width}`);
        await this.shoot(`${name}-${colorScheme}-${width}`);
      }
      await this.page.setViewportSize({ width: 320, height: 800 });
      const found = await this.page.evaluate((tags) => (globalThis as unknown as { axe: typeof axe }).axe.run(document, { runOnly: tags }), TAGS);
      assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.html} ${n.failureSummary ?? ''}`).join('\n')}`), [], `${name}, ${colorScheme}`);
    }
    await this.page.emulateMedia({ colorScheme: 'light' });
  }

  /** A picture into the folder WEIR_SHOTS, if it is set. */
  private async shoot(name: string): Promise<void> {
    const dir = process.env.WEIR_SHOTS;
    if (dir) await this.page.screenshot({ path: `${dir}/${String(++this.shots).padStart(2, '0')}-${name}.png` });
  }

  /** Types where the keyboard is; it must be on that element, and seen to be. */
  async typeAt(id: string, text: string, key = 'Tab'): Promise<void> {
    await this.page.waitForFunction((wanted) => document.activeElement?.id === wanted, id);
    const outline = await this.page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
    assert.notEqual(outline, 'none', `where the keyboard is cannot be seen on ${id}`);
    await this.page.keyboard.type(text);
    await this.page.keyboard.press(key);
  }

  /** What the pages complained of, without the answers that a test provokes; these are forgotten then. */
  blameless(...statuses: number[]): void {
    const expected = statuses.map((status) => new RegExp(`^Failed to load resource: the server responded with a status of ${status} `));
    assert.deepEqual(this.complaints.filter((text) => !expected.some((e) => e.test(text))), []);
    assert.deepEqual(this.outside, []);
    this.complaints.length = 0;
  }

  close(): Promise<void> {
    return this.browser.close();
  }
}
