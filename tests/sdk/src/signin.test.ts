// People come in as a browser does it, with fetch and cookies: the link on the console, sign-in, a second factor, a guest with a link; and
// over two replicas on one PostgreSQL database, where what ends on one is over on the other.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from './database.js';
import { KEY, KEYS, Sim, Weir, config, direct, header, openai } from './harness.js';

const database = direct ? undefined : await Database.start();
const skip = direct ? 'needs a gateway' : false;
after(() => database?.stop());

const PASSWORD = 'correct horse battery';
const OWNER = 'owner@x.org';
const CHEAP = 'signin: { password: { memory_kib: 8192, passes: 1 } }\n';
const SHARED = `server_key: "${randomBytes(32).toString('hex')}"\nvault: { master_key: "${randomBytes(32).toString('hex')}" }\n`;

interface Answer {
  status: number;
  json: Record<string, unknown>;
  retry: number;
}

/** Keeps cookies by their names, as a browser does, and shows the proof from the one that scripts may read. */
class Browser {
  readonly cookies = new Map<string, string>();
  /** As they came last, with their attributes. */
  set: string[] = [];
  async ask(url: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const all: Record<string, string> = { ...headers };
    if (this.cookies.size > 0) all.cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const proof = this.cookies.get('weir_csrf');
    if (proof !== undefined && method !== 'GET' && all['x-weir-csrf'] === undefined) all['x-weir-csrf'] = proof;
    if (body !== undefined) all['content-type'] = 'application/json';
    const answer = await fetch(url + path, { method, headers: all, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
    this.set = answer.headers.getSetCookie();
    for (const cookie of this.set) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await answer.text();
    const json = (text === '' ? {} : JSON.parse(text)) as Record<string, unknown>;
    return { status: answer.status, json, retry: Number(answer.headers.get('retry-after') ?? 0) };
  }
  copy(): Browser {
    const other = new Browser();
    for (const [name, value] of this.cookies) other.cookies.set(name, value);
    return other;
  }
  async login(url: string, email = OWNER, code?: string): Promise<Answer> {
    return this.ask(url, 'POST', '/auth/login', { email, password: PASSWORD, ...(code === undefined ? {} : { code }) });
  }
  async me(url: string): Promise<Answer> {
    return this.ask(url, 'GET', '/api/v1/me');
  }
}

function setupToken(weir: Weir): string {
  return /set up at \S+\/setup\?token=(\S+)/.exec(weir.logs())?.[1] ?? assert.fail(weir.logs());
}

async function setUp(weir: Weir, browser: Browser): Promise<Answer> {
  return browser.ask(weir.url, 'POST', '/auth/setup', { token: setupToken(weir), email: 'Owner@X.org', name: 'The Owner', password: PASSWORD });
}

/** The code of an app (RFC 6238) for now, or some steps later. */
function codeOf(secret: string, later = 0): string {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g)?.map((byte) => parseInt(byte, 2)) ?? []);
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + later));
  const mac = createHmac('sha1', key).update(counter).digest();
  const at = (mac[19] ?? 0) & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, '0');
}

/** Within the limit, which has room for a busy machine; that it is a second by the clock, test_access shows with a clock of its own. */
async function refusedSoon(ask: () => Promise<Answer>): Promise<void> {
  for (const end = Date.now() + 10000; Date.now() < end; await sleep(20)) if ((await ask()).status === 401) return;
  assert.fail('still let in after ten seconds');
}

/** A credential of the store is taken up a moment after it is given, or after the start. */
async function refusedNoMore(call: () => Promise<unknown>): Promise<void> {
  for (const end = Date.now() + 10000; ; await sleep(20)) {
    const failed = await call().then(() => undefined, (e: unknown) => e as Error);
    if (failed === undefined) return;
    if (Date.now() > end) throw failed;
  }
}

/** Fails to sign in until each of the replicas says to wait. The first pause is a second, which a busy machine may take longer over: then another failure makes a longer one. */
async function failUntilKept(urls: string[], email: string): Promise<{ failures: number; waits: Answer }> {
  for (let failures = 0, kept = 0, i = 0; failures < 20; i++) {
    const answer = await new Browser().ask(urls[i % urls.length] ?? '', 'POST', '/auth/login', { email, password: 'wrong horse battery' });
    if (answer.status !== 429) failures++;
    kept = answer.status === 429 ? kept + 1 : 0;
    if (kept === urls.length) return { failures, waits: answer };
  }
  return assert.fail('nobody is kept waiting');
}

let sim: Sim;
before(async () => {
  if (!direct) sim = await Sim.start();
});
after(async () => {
  if (!direct) await sim.stop();
});

test('the first owner comes by the link on the console, and signs in, goes on and leaves', { skip }, async () => {
  const weir = await Weir.start(sim, CHEAP);
  try {
    const browser = new Browser();
    assert.equal((await browser.me(weir.url)).status, 401);
    assert.deepEqual((await browser.ask(weir.url, 'GET', '/auth/door')).json, { needs_setup: true, providers: [] });
    const token = setupToken(weir);
    const made = await setUp(weir, browser);
    assert.equal(made.status, 200, JSON.stringify(made.json));
    assert.equal(made.json.email, OWNER);
    assert.deepEqual([...browser.cookies.keys()].sort(), ['weir_access', 'weir_csrf', 'weir_device', 'weir_refresh']);
    for (const cookie of browser.set) {
      assert.match(cookie, /; Path=\/; /);
      assert.match(cookie, /SameSite=(Lax|Strict)/);
      assert.equal(/HttpOnly/.test(cookie), !cookie.startsWith('weir_csrf='));
    }
    const again = await new Browser().ask(weir.url, 'POST', '/auth/setup', { token, email: 'b@x.org', password: PASSWORD });
    assert.equal(again.status, 403);
    assert.deepEqual((await browser.ask(weir.url, 'GET', '/auth/door')).json, { needs_setup: false, providers: [] });

    const me = await browser.me(weir.url);
    assert.equal(me.status, 200);
    assert.equal(me.json.kind, 'user');
    assert.ok((me.json.permissions as string[]).includes('users.write'));

    // A page of another site could make the browser send the cookies, but not the header.
    assert.equal((await browser.ask(weir.url, 'PATCH', '/api/v1/me', { name: 'x' }, { 'x-weir-csrf': '' })).status, 403);
    assert.equal((await browser.ask(weir.url, 'PATCH', '/api/v1/me', { name: 'x' }, { 'x-weir-csrf': 'A'.repeat(32) })).status, 403);
    assert.equal((await browser.ask(weir.url, 'PATCH', '/api/v1/me', { name: 'Renamed' })).json.name, 'Renamed');

    const before = browser.copy();
    const went = await browser.ask(weir.url, 'POST', '/auth/refresh');
    assert.equal(went.status, 200);
    assert.notEqual(browser.cookies.get('weir_refresh'), before.cookies.get('weir_refresh'));
    assert.equal((await browser.me(weir.url)).status, 200);

    const other = new Browser();
    assert.equal((await other.login(weir.url, 'OWNER@x.org')).status, 200);
    const sessions = (await other.ask(weir.url, 'GET', '/api/v1/me/sessions')).json.data as { id: number; current: boolean }[];
    assert.equal(sessions.length, 2);
    assert.equal((await browser.ask(weir.url, 'POST', '/auth/logout')).status, 204);
    assert.deepEqual([...browser.cookies.keys()], ['weir_device'], 'no session, but it is known that they were here');
    await refusedSoon(() => before.me(weir.url));
    assert.equal((await other.me(weir.url)).status, 200);

    const audit = JSON.parse((await weir.local('GET', '/api/v1/audit?limit=100')).body) as { data: { action: string }[] };
    for (const action of ['user.password', 'session.begin', 'session.end']) assert.ok(audit.data.some((a) => a.action === action), action);
    for (const secret of [PASSWORD, token, ...before.cookies.values()]) {
      assert.ok(!weir.logs().replace(/set up at .*/, '').includes(secret), 'a log tells a secret');
      assert.ok(!JSON.stringify(audit).includes(secret), 'the audit log tells a secret');
    }
  } finally {
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
});

test('a token that comes again ends the session', { skip }, async () => {
  const weir = await Weir.start(sim, CHEAP);
  try {
    const browser = new Browser();
    await setUp(weir, browser);
    const thief = browser.copy();
    assert.equal((await browser.ask(weir.url, 'POST', '/auth/refresh')).status, 200);
    assert.equal((await browser.ask(weir.url, 'POST', '/auth/refresh')).status, 200);
    // The token from before the last one: nobody's tab is that slow.
    assert.equal((await thief.ask(weir.url, 'POST', '/auth/refresh')).status, 401);
    await refusedSoon(() => browser.me(weir.url));
    assert.equal((await browser.ask(weir.url, 'POST', '/auth/refresh')).status, 401);
  } finally {
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
});

test('a machine that was lost comes back from an encrypted backup: second factors and stored credentials are good', { skip }, async () => {
  const write = (at: Sim, dir: string): string => `listen: 127.0.0.1:0
data_dir: ${dir}/data
${CHEAP}providers: [ { name: bare, kind: openai, base_url: "${at.url}/v1" } ]
models: [ { name: first, targets: [ { provider: bare, model: sim-text } ] } ]
keys: [ { name: all, value: "${KEYS.all}" } ]
`;
  const weir = await Weir.start(sim, '', write);
  const run = async (...args: string[]): Promise<string> => {
    const { code, out } = await weir.command(...args);
    assert.equal(code, 0, out);
    return out;
  };
  const call = async (mark: string): Promise<string | undefined> => {
    await openai(weir.url, KEY).chat.completions.create({ model: 'first', messages: [{ role: 'user', content: mark }] });
    return header(await sim.last(mark), 'authorization');
  };
  const data = `${weir.dir}/data`;
  const kept = `${weir.dir}/kept`;
  const passphrase = `${weir.dir}/passphrase`;
  writeFileSync(passphrase, 'correct horse battery staple\n');
  try {
    const browser = new Browser();
    assert.equal((await setUp(weir, browser)).status, 200);
    const begun = await browser.ask(weir.url, 'POST', '/api/v1/me/second-factor', { password: PASSWORD });
    const secret = begun.json.secret as string;
    assert.equal((await browser.ask(weir.url, 'POST', '/api/v1/me/second-factor/confirm', { code: codeOf(secret) })).status, 200);
    const stored = { provider: 'bare', name: 'team', secret: 'sk-stored-0123456789abcdefghij' };
    assert.equal((await browser.ask(weir.url, 'POST', '/api/v1/credentials', stored)).status, 201);
    await refusedNoMore(() => call('before it was lost'));
    assert.match(await run('backup', `${weir.dir}/plain`), /master\.key is not in it/);
    assert.doesNotMatch(await run('backup', `${weir.dir}/whole`, '--encrypt-to-passphrase-file', passphrase), /is not in it/);
    await weir.stop(false);
    renameSync(data, kept);

    // Without the key it says so, and the start refuses; with another one there, that one is kept.
    const plain = await run('restore', `${weir.dir}/plain`);
    assert.match(plain, /master\.key is not the one this backup was made with/);
    assert.match((await weir.command('serve')).out, /there is no master key here/);
    const wrong = randomBytes(32);
    writeFileSync(`${data}/master.key`, wrong, { mode: 0o600 });
    const whole = await run('restore', `${weir.dir}/whole`, '--passphrase-file', passphrase);
    const aside = /the replaced master\.key is kept as (\S+)/.exec(whole)?.[1] ?? assert.fail(whole);
    assert.deepEqual(readFileSync(aside), wrong);
    assert.equal(statSync(`${data}/master.key`).mode & 0o777, 0o600);
    assert.deepEqual(readFileSync(`${data}/master.key`), readFileSync(`${kept}/master.key`));
    assert.doesNotMatch(await run('restore', `${weir.dir}/plain`), /\.key/, 'both keys are the right ones');

    await weir.restart();
    await refusedNoMore(() => call('after it came back'));
    assert.equal(await call('with the credential of the store'), `Bearer ${stored.secret}`);
    const back = new Browser();
    assert.equal((await back.login(weir.url)).json.needs_code, true);
    assert.equal((await back.login(weir.url, OWNER, codeOf(secret, 1))).status, 200);
    assert.equal((await back.me(weir.url)).status, 200);
  } finally {
    await weir.stop();
  }
});

test('a second factor, recovery codes, and the wait after failures', { skip }, async () => {
  const weir = await Weir.start(sim, CHEAP);
  try {
    const browser = new Browser();
    await setUp(weir, browser);
    const begun = await browser.ask(weir.url, 'POST', '/api/v1/me/second-factor', { password: PASSWORD });
    assert.equal(begun.status, 200, JSON.stringify(begun.json));
    const secret = begun.json.secret as string;
    assert.match(begun.json.uri as string, /^otpauth:\/\/totp\/Weir:owner%40x\.org\?secret=/);
    const confirmed = await browser.ask(weir.url, 'POST', '/api/v1/me/second-factor/confirm', { code: codeOf(secret) });
    assert.equal(confirmed.status, 200, JSON.stringify(confirmed.json));
    const codes = confirmed.json.recovery_codes as string[];
    assert.equal(codes.length, 10);

    const fresh = new Browser();
    const half = await fresh.login(weir.url);
    assert.equal(half.status, 200);
    assert.equal(half.json.needs_code, true);
    assert.equal(fresh.cookies.size, 0);
    assert.equal((await fresh.login(weir.url, OWNER, codeOf(secret))).status, 401, 'the code that confirmed it is used');
    assert.equal((await fresh.login(weir.url, OWNER, codeOf(secret, 1))).status, 200);
    assert.equal((await new Browser().login(weir.url, OWNER, codes[0])).status, 200);
    assert.equal((await new Browser().login(weir.url, OWNER, codes[0])).status, 401);

    const wrong = (email: string): Promise<Answer> =>
      new Browser().ask(weir.url, 'POST', '/auth/login', { email, password: 'wrong horse battery' });
    const words = new Set<unknown>();
    for (let i = 0; i < 4; i++) words.add((await wrong('nobody@x.org')).json.detail);
    const known = await wrong(OWNER);
    words.add(known.json.detail);
    assert.equal(words.size, 1);
    const { failures, waits } = await failUntilKept([weir.url], 'nobody@x.org');
    assert.ok(failures >= 1, 'kept after four failures');
    assert.ok(waits.retry >= 1 && waits.retry <= 900);
    assert.equal((await new Browser().login(weir.url, OWNER, codes[1])).status, 200, 'nobody else is kept waiting');
  } finally {
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
});

/** Wrong passwords from so many addresses, until strangers have to wait; goes on until it is told to stop. */
class Crowd {
  private tries = 0;
  private at = 0;
  private over = false;
  private readonly all: Promise<void>[] = [];
  constructor(private readonly url: string) {}
  async guess(address = `10.${this.at >> 16}.${(this.at >> 8) & 255}.${this.at++ & 255}`): Promise<number> {
    this.tries++;
    const body = { email: OWNER, password: 'wrong horse battery' };
    return (await new Browser().ask(this.url, 'POST', '/auth/login', body, { 'x-forwarded-for': address })).status;
  }
  async gather(): Promise<void> {
    for (let kept = 0; kept < 3; ) {
      kept = (await this.guess()) === 429 ? kept + 1 : 0;
      assert.ok(this.tries < 200, 'the account never becomes slow');
    }
    const press = async (): Promise<void> => {
      while (!this.over) {
        await this.guess();
        await sleep(20);
      }
    };
    for (let i = 0; i < 4; i++) this.all.push(press());
  }
  async leave(): Promise<void> {
    this.over = true;
    await Promise.all(this.all);
  }
}

test('a crowd that tries a password keeps its owner out neither from a browser of theirs nor from a new one', { skip }, async () => {
  const weir = await Weir.start(sim, `${CHEAP}trusted_proxies: [127.0.0.1/32]\n`);
  const crowd = new Crowd(weir.url);
  const from = (browser: Browser, address: string, password = PASSWORD): Promise<Answer> =>
    browser.ask(weir.url, 'POST', '/auth/login', { email: OWNER, password }, { 'x-forwarded-for': address });
  /** A browser in which somebody has signed in before: nothing but what is left when the session is over. */
  const known = (browser: Browser): Browser => {
    const rest = new Browser();
    rest.cookies.set('weir_device', browser.cookies.get('weir_device') ?? assert.fail('no cookie of the browser'));
    return rest;
  };
  try {
    const owner = new Browser();
    await setUp(weir, owner);
    const mark = owner.set.find((cookie) => cookie.startsWith('weir_device=')) ?? '';
    assert.match(mark, /; Path=\/; Max-Age=31536000; SameSite=Strict; HttpOnly$/);

    // Behind one address, as a whole office is.
    for (let i = 0; i < 8; i++) await crowd.guess('198.51.100.7');
    assert.equal((await from(new Browser(), '198.51.100.7')).status, 429);
    assert.equal((await from(known(owner), '198.51.100.7')).status, 200);

    // From everywhere, and they do not stop.
    await crowd.gather();
    assert.equal((await from(known(owner), '203.0.113.9')).status, 200);
    const forged = known(owner);
    forged.cookies.set('weir_device', (forged.cookies.get('weir_device') ?? '').replace(/.$/, (c) => (c === 'A' ? 'B' : 'A')));
    assert.equal((await from(forged, '203.0.113.10')).status, 429);

    const fresh = new Browser();
    let answer = await from(fresh, '203.0.113.11');
    assert.equal(answer.status, 429);
    assert.ok(fresh.cookies.has('weir_turn'));
    for (let i = 0; i < 3 && answer.status === 429; i++) {
      assert.ok(answer.retry >= 1 && answer.retry <= 10, `told to wait ${answer.retry} s`);
      await sleep(answer.retry * 1000 + 50);
      answer = await from(fresh, '203.0.113.11');
    }
    assert.equal(answer.status, 200, JSON.stringify(answer.json));
  } finally {
    await crowd.leave();
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
});

test('a guest comes by a link; declared users are there from the start', { skip }, async () => {
  const users = `users: [{ email: anna@x.org, password: "correct-horse-battery", role: admin }, { email: bert@x.org, password: "correct-horse-battery" }]\n`;
  const weir = await Weir.start(sim, CHEAP + users);
  try {
    assert.ok(!weir.logs().includes('/setup?token='), 'somebody is there: nobody is asked to set up');
    const anna = new Browser();
    assert.equal((await anna.ask(weir.url, 'POST', '/auth/login', { email: 'anna@x.org', password: 'correct-horse-battery' })).status, 200);
    const link = await anna.ask(weir.url, 'POST', '/api/v1/users/2/link');
    assert.equal(link.status, 200, JSON.stringify(link.json));
    assert.equal(link.json.kind, 'reset');
    const token = new URL(link.json.url as string).searchParams.get('token') ?? '';
    const bert = new Browser();
    assert.equal((await bert.ask(weir.url, 'POST', '/auth/accept', { token, password: 'short' })).status, 422);
    assert.equal((await bert.ask(weir.url, 'POST', '/auth/accept', { token, name: 'Bert', password: PASSWORD })).status, 200);
    assert.equal((await new Browser().ask(weir.url, 'POST', '/auth/accept', { token, password: PASSWORD })).status, 403);
    assert.equal((await bert.me(weir.url)).json.name, 'Bert');
    // A member may not hand out links, and an admin none for who may do more.
    assert.equal((await bert.ask(weir.url, 'POST', '/api/v1/users/1/link')).status, 403);
    assert.equal((await anna.ask(weir.url, 'DELETE', '/api/v1/users/2/sessions')).status, 204);
    await refusedSoon(() => bert.me(weir.url));
    assert.equal((await bert.login(weir.url, 'bert@x.org')).status, 200);
  } finally {
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
});

test('what ends on one replica is over on the other', { skip: skip || database?.missing, timeout: 60000 }, async () => {
  const extra = `${CHEAP}${SHARED}store: "${database?.url ?? ''}"\npublic_url: "http://127.0.0.1:8080"\n`;
  const all = [await Weir.start(sim, extra)];
  try {
    const [one] = all;
    assert.ok(one);
    const token = setupToken(one);
    const two = await Weir.start(sim, extra, config);
    all.push(two);
    // Either replica's link is good, but of two people who set up at once one succeeds.
    const both = await Promise.all(
      [
        { weir: one, token, email: OWNER },
        { weir: two, token: setupToken(two), email: 'other@x.org' },
      ].map(({ weir, token: t, email }) => {
        const browser = new Browser();
        return browser.ask(weir.url, 'POST', '/auth/setup', { token: t, email, password: PASSWORD }).then((answer) => ({ browser, answer, email }));
      }),
    );
    const winners = both.filter(({ answer }) => answer.status === 200);
    assert.equal(winners.length, 1, JSON.stringify(both.map(({ answer }) => answer)));
    const owner = winners[0]?.browser ?? assert.fail();
    const email = winners[0]?.email ?? '';

    // A session is known everywhere, and goes on anywhere.
    assert.equal((await owner.me(two.url)).status, 200);
    assert.equal((await owner.ask(two.url, 'POST', '/auth/refresh')).status, 200);
    assert.equal((await owner.me(one.url)).status, 200);

    const laptop = new Browser();
    const id = (await laptop.login(two.url, email)).json.session_id as number;
    assert.equal((await laptop.me(two.url)).status, 200);
    assert.equal((await laptop.me(one.url)).status, 200);
    assert.equal((await owner.ask(one.url, 'DELETE', `/api/v1/me/sessions/${id}`)).status, 204);
    await refusedSoon(() => laptop.me(two.url));
    assert.equal((await laptop.ask(two.url, 'POST', '/auth/refresh')).status, 401);
    assert.equal((await owner.me(two.url)).status, 200);

    // Failures are counted over both.
    const { failures } = await failUntilKept([one.url, two.url], 'x@x.org');
    assert.ok(failures >= 5 && failures < 10, `kept after ${failures} failures`);
  } finally {
    const codes = [];
    for (const weir of all) codes.push(await weir.stop());
    assert.deepEqual(codes, all.map(() => 0), all.map((weir) => weir.logs().slice(-3000)).join('\n'));
  }
});
