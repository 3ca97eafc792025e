// The pages that the program serves itself, in a real browser: setting up with the keyboard alone, an invitation and a link by mail, an
// identity provider, the API's documentation; each with what axe finds, the policy that forbids what is not ours, and three widths.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Sim, Weir, direct } from './harness.js';
import { Idp } from './idp.js';
import { MailServer, makeCertificate } from './post.js';
import { ORIGIN, Viewer, noBrowser } from './viewer.js';

const skip = direct ? 'needs a gateway' : noBrowser;
const PASSWORD = 'correct-horse-battery';
const CONFIG = `public_url: "${ORIGIN}"\nsignin: { password: { memory_kib: 8192, passes: 1 } }\n`;
const USERS = `users: [{ email: owner@x.org, password: "${PASSWORD}", role: owner }]\n`;

let sim: Sim;
let dir = '';
before(async () => {
  if (skip) return;
  sim = await Sim.start();
  dir = mkdtempSync(join(tmpdir(), 'weir-pages-'));
  makeCertificate(dir);
});
after(async () => {
  if (skip) return;
  await sim.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function withViewer(extra: string, run: (viewer: Viewer, weir: Weir) => Promise<void>): Promise<void> {
  const weir = await Weir.start(sim, CONFIG + extra);
  const viewer = await Viewer.open(weir).catch(async (e: unknown) => {
    await weir.stop();
    throw e;
  });
  try {
    await run(viewer, weir);
  } finally {
    await viewer.close();
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
}

async function signIn(viewer: Viewer, email = 'owner@x.org', password = PASSWORD): Promise<void> {
  await viewer.go('/signin');
  await viewer.page.fill('#email', email);
  await viewer.page.fill('#password', password);
  await viewer.page.click('#go');
}

test('the first owner sets up with the keyboard alone, told what is wrong where it is wrong', { skip, timeout: 90000 }, () =>
  withViewer('', async (viewer, weir) => {
    const { page } = viewer;
    const link = new URL(/set up at (\S+)/.exec(weir.logs())?.[1] ?? assert.fail(weir.logs()));
    assert.equal(link.origin, ORIGIN);
    await viewer.go('/setup');
    await viewer.says('#said', /opened by a link with a token in it/);

    await viewer.go('/setup?token=not-the-one-that-was-printed');
    await viewer.typeAt('email', 'owner@x.org');
    await viewer.typeAt('name', '');
    await viewer.typeAt('password', PASSWORD, 'Enter');
    await viewer.says('#said.error', /^this link is not good, or not any more: ask for another$/);
    viewer.blameless(403);

    await viewer.go(link.pathname + link.search);
    assert.equal(page.url(), `${ORIGIN}/setup`, 'the token stays in the address');
    await viewer.looksRight('setup');
    await viewer.typeAt('email', '');
    await viewer.typeAt('name', 'The Owner');
    await viewer.typeAt('password', '');
    await viewer.typeAt('go', '', 'Enter');
    // Both at once, and the keyboard is where the first is.
    await viewer.says('#email-error', /character/);
    await viewer.says('#password-error', /character/);
    await viewer.looksRight('setup-refused');
    await viewer.typeAt('email', 'owner@x.org');
    await viewer.typeAt('name', '');
    await viewer.typeAt('password', 'short', 'Enter');
    await viewer.says('#password-error', /^must have 12 to 1024 characters$/);
    assert.equal(await page.textContent('#email-error'), '', 'what is right now still stands there as wrong');
    assert.equal(await page.getAttribute('#password', 'aria-invalid'), 'true');
    await page.keyboard.press('Control+A');
    await viewer.typeAt('password', 'Password12345', 'Enter');
    await viewer.says('#password-error', /among the first that are tried/);
    await page.keyboard.press('Control+A');
    await viewer.typeAt('password', PASSWORD, 'Enter');
    await viewer.says('#said', /^owner@x\.org is signed in\.$/);
    await viewer.looksRight('setup-done');
    viewer.blameless(422);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${ORIGIN}/api/docs`);
    await viewer.says('#who', /^owner@x\.org is signed in\.$/);
    const readable = await page.evaluate(() => document.cookie);
    assert.match(readable, /^weir_csrf=[^;]+$/, 'a script reads more than its proof');

    // The same link again is good for nobody.
    await viewer.go(link.pathname + link.search);
    await page.fill('#email', 'other@x.org');
    await page.fill('#password', PASSWORD);
    await page.click('#go');
    await viewer.says('#said.error', /this link is not good/);
    viewer.blameless(403);
  }));

test('the API is read and tried on its page, with the session and without', { skip, timeout: 90000 }, () =>
  withViewer(USERS, async (viewer) => {
    const { page } = viewer;
    await viewer.go('/api/docs');
    await viewer.says('#who', /^Nobody is signed in\.$/);
    await viewer.looksRight('docs');
    const operation = (method: string, path: string) => page.locator('details').filter({ has: page.locator('.method', { hasText: new RegExp(`^${method}$`) }) }).filter({ has: page.locator('summary code', { hasText: new RegExp(`^${path}$`) }) });
    const send = async (method: string, path: string, body?: unknown): Promise<string> => {
      const one = operation(method, path);
      if ((await one.getAttribute('open')) === null) await one.locator('summary').click();
      if (body !== undefined) await one.locator('textarea').fill(JSON.stringify(body));
      const answered = page.waitForResponse((rs) => rs.request().method() === method && new URL(rs.url()).pathname === path);
      await one.getByRole('button', { name: 'Send' }).click();
      await answered;
      await one.getByRole('status').filter({ hasText: /Answered/ }).waitFor();
      return (await one.locator('pre').textContent()) ?? '';
    };
    assert.match(await send('GET', '/api/v1/users'), /^401\n/);
    viewer.blameless(401);

    // By the link on the page to where one signs in, and back.
    await page.click('#come');
    await page.waitForURL(`${ORIGIN}/signin`);
    await viewer.looksRight('signin');
    await page.fill('#email', 'owner@x.org');
    await page.fill('#password', 'not the password');
    await page.click('#go');
    await viewer.says('#said.error', /^email and password do not belong together$/);
    viewer.blameless(401);
    await page.fill('#password', PASSWORD);
    await page.click('#go');
    await viewer.says('#said', /is signed in/);
    await page.click('#next a');
    await viewer.says('#who', /^owner@x\.org is signed in\.$/);

    assert.match(await send('GET', '/api/v1/me'), /^200\n[\s\S]*"email": "owner@x.org"/);
    const made = await send('POST', '/api/v1/users', { email: 'anna@x.org', name: 'Anna <b>& co</b>' });
    assert.match(made, /^201\netag: "1"\nlocation: \/api\/v1\/users\/2\n/);
    assert.ok(made.includes('"name": "Anna <b>& co</b>"'), 'what an answer says is text');
    assert.match(await send('PATCH', '/api/v1/me', { name: 'Renamed' }), /^200\n/);
    assert.match(await send('POST', '/api/v1/users', { email: 'no', naem: 1 }), /^422\n/);
    viewer.blameless(422);
    await viewer.looksRight('docs-open');

    await page.fill('#search', 'signing');
    await viewer.says('#found', /^\d+ operations found\.$/);
    assert.equal(await operation('POST', '/api/v1/users').isVisible(), false);
    assert.equal(await page.locator('h2:visible').count(), 1);
    await page.fill('#search', '');

    // An access token that is over: the session goes on with the next one, and nobody notices.
    const cookies = await page.context().cookies();
    await page.context().clearCookies({ name: 'weir_access' });
    assert.match(await send('GET', '/api/v1/me'), /^200\n/);
    viewer.blameless(401);
    const next = await page.context().cookies();
    assert.notEqual(next.find((c) => c.name === 'weir_refresh')?.value, cookies.find((c) => c.name === 'weir_refresh')?.value);

    await page.click('#leave');
    await viewer.says('#who', /^Nobody is signed in\.$/);
    assert.deepEqual(await page.context().cookies(), []);
    assert.match(await send('GET', '/api/v1/me'), /^401\n/);
    viewer.blameless(401);
  }));

test('an invitation and a link to sign in with come by mail and are opened', { skip, timeout: 90000 }, async () => {
  const post = await MailServer.start(dir, true);
  try {
    const smtp = `smtp: { url: "${post.url}", user: weir, password: "mail-secret", from: "weir@x.org", ca: "${join(dir, 'cert.pem')}" }\n`;
    await withViewer(USERS + smtp, async (viewer) => {
      const { page } = viewer;
      await signIn(viewer);
      await viewer.says('#said', /is signed in/);
      const call = (method: string, path: string, body?: unknown): Promise<number> =>
        page.evaluate(
          async ([how, where, what]) => {
            const headers = { 'content-type': 'application/json', 'x-weir-csrf': /weir_csrf=([^;]+)/.exec(document.cookie)?.[1] ?? '' };
            return (await fetch(where, { method: how, headers, body: what })).status;
          },
          [method, path, body === undefined ? undefined : JSON.stringify(body)] as [string, string, string | undefined],
        );
      assert.equal(await call('POST', '/api/v1/users', { email: 'anna@x.org' }), 201);
      assert.equal(await call('POST', '/api/v1/users/2/mail'), 200);
      const invitation = await post.link(1);
      await page.context().clearCookies();
      await page.goto(invitation.href);
      assert.equal(page.url(), `${ORIGIN}/accept`);
      await viewer.looksRight('accept');
      await page.fill('#password', 'x'.repeat(30));
      await page.click('#go');
      await viewer.says('#password-error', /among the first that are tried/);
      await page.fill('#name', 'Anna');
      await page.fill('#password', PASSWORD);
      await page.click('#go');
      await viewer.says('#said', /^anna@x\.org is signed in\.$/);
      viewer.blameless(422);

      await page.context().clearCookies();
      assert.equal(await call('POST', '/auth/magic', { email: 'anna@x.org' }), 202);
      const magic = await post.link(2);
      await page.goto(magic.href);
      assert.deepEqual(await page.context().cookies(), [], 'opening the page is enough');
      await viewer.looksRight('magic');
      await page.keyboard.press('Enter');
      await viewer.says('#said', /^anna@x\.org is signed in\.$/);
      viewer.blameless();
      await page.goto(magic.href);
      await page.click('#go');
      await viewer.says('#said.error', /this link is not good/);
      viewer.blameless(403);
    });
  } finally {
    await post.stop();
  }
});

test('somebody comes through an identity provider, and who may not come is told why', { skip, timeout: 90000 }, async () => {
  const idp = await Idp.start(`${ORIGIN}/auth/oidc/corp/callback`);
  try {
    const oidc = `oidc: [{ name: corp, issuer: "${idp.issuer}", client_id: weir, client_secret: "a-secret&more+%", domains: [x.org], default_role: viewer }]\n`;
    await withViewer(USERS + oidc, async (viewer) => {
      const { page } = viewer;
      const through = async (login: string): Promise<void> => {
        await viewer.go('/signin');
        await page.getByRole('link', { name: 'corp' }).click();
        await page.waitForURL(`${idp.issuer}/interaction/*`);
        await page.fill('[name=login]', login);
        await page.fill('[name=password]', 'any');
        await page.click('[type=submit]');
        await page.locator('[name=prompt][value=consent]').waitFor({ state: 'attached' });
        await page.click('[type=submit]');
        await page.waitForURL(`${ORIGIN}/**`);
      };
      idp.accounts.set('anna', { email: 'anna@x.org', verified: true, groups: [] });
      await through('anna');
      assert.equal(page.url(), `${ORIGIN}/api/docs`);
      await viewer.says('#who', /^anna@x\.org is signed in\.$/);
      viewer.blameless();

      await page.context().clearCookies();
      idp.accounts.set('eve', { email: 'eve@y.org', verified: true, groups: [] });
      await through('eve');
      await viewer.says('h1', /^Nobody is signed in$/);
      await viewer.says('p', /people with an email of this domain may not sign in through corp/);
      await viewer.looksRight('refused');
      viewer.blameless(403);
      await page.getByRole('link', { name: 'Sign in' }).click();
      await page.waitForURL(`${ORIGIN}/signin`);
    });
  } finally {
    await idp.stop();
  }
});
