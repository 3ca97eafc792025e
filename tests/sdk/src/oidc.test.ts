// People come in through a real identity provider (oidc-provider, which is certified) as a browser does it: sent there, logged in and
// asked for consent, sent back; with their role, a second time, from a domain that may not; and begun on one replica, ended on another.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { Database } from './database.js';
import { Sim, Weir, config, direct } from './harness.js';
import { Idp } from './idp.js';

const database = direct ? undefined : await Database.start();
const skip = direct ? 'needs a gateway' : false;
after(() => database?.stop());

const PUBLIC = 'http://127.0.0.1:8080';
const BACK = `${PUBLIC}/auth/oidc/corp/callback`;
const CHEAP = 'signin: { password: { memory_kib: 8192, passes: 1 } }\n';
const OWNER = 'users: [{ email: owner@x.org, password: "correct-horse-battery", role: owner }]\n';

interface Answer {
  status: number;
  location: string;
  text: string;
  json: Record<string, unknown>;
}

/** Keeps the cookies of one site by their names, and follows nothing by itself. */
class Browser {
  readonly cookies = new Map<string, string>();
  async ask(url: string, form?: Record<string, string>, accept = 'application/json'): Promise<Answer> {
    const headers: Record<string, string> = { accept };
    if (this.cookies.size > 0) headers.cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers,
      ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const text = await answer.text();
    const isJson = (answer.headers.get('content-type') ?? '').includes('json');
    const location = answer.headers.get('location') ?? '';
    return { status: answer.status, location: location && new URL(location, url).href, text, json: isJson ? (JSON.parse(text) as Record<string, unknown>) : {} };
  }
}

/** Through the provider's own pages, from its authorization endpoint to the address that it sends the browser back to. */
async function logIn(start: string, login: string, browser = new Browser()): Promise<string> {
  let answer = await browser.ask(start, undefined, 'text/html');
  for (let i = 0; i < 12; i++) {
    if (answer.location.startsWith(BACK)) return answer.location;
    if (answer.location !== '') {
      answer = await browser.ask(answer.location, undefined, 'text/html');
      continue;
    }
    const action = /<form[^>]* action="([^"]+)"/.exec(answer.text)?.[1] ?? assert.fail(`${answer.status} ${answer.text.slice(0, 500)}`);
    const prompt = /name="prompt" value="([^"]+)"/.exec(answer.text)?.[1] ?? '';
    const form: Record<string, string> = prompt === 'login' ? { prompt, login, password: 'any' } : { prompt };
    answer = await browser.ask(action, form, 'text/html');
  }
  return assert.fail('the provider never sends the browser back');
}

/** The same path and query at where the server listens. */
function at(weir: Weir, url: string): string {
  const { pathname, search } = new URL(url);
  return weir.url + pathname + search;
}

async function begin(weir: Weir, browser: Browser, returnTo = '/here?a=b'): Promise<string> {
  const answer = await browser.ask(`${weir.url}/auth/oidc/corp?return_to=${encodeURIComponent(returnTo)}`);
  assert.equal(answer.status, 303, answer.text);
  return answer.location;
}

async function signIn(weir: Weir, login: string, accept?: string): Promise<{ browser: Browser; answer: Answer; back: string }> {
  const browser = new Browser();
  const back = await logIn(await begin(weir, browser), login);
  return { browser, answer: await browser.ask(at(weir, back), undefined, accept), back };
}

let sim: Sim;
let idp: Idp;
before(async () => {
  sim = await Sim.start();
  idp = await Idp.start(BACK);
});
after(async () => {
  await idp.stop();
  await sim.stop();
});

function provider(more = ''): string {
  return `public_url: "${PUBLIC}"\noidc: [{ name: corp, issuer: "${idp.issuer}", client_id: weir, client_secret: "a-secret&more+%"${more} }]\n`;
}

test('a provider says who somebody is and what they may do, each time anew', { skip, timeout: 60000 }, async () => {
  const more = ', domains: [x.org], role_claim: groups, roles: { chiefs: admin, devs: member }';
  const weir = await Weir.start(sim, CHEAP + OWNER + provider(more));
  try {
    const door = await new Browser().ask(`${weir.url}/auth/door`);
    assert.deepEqual(door.json, { needs_setup: false, providers: ['corp'] });

    idp.accounts.set('anna', { email: 'Anna@x.org', verified: true, groups: ['staff', 'devs', 'chiefs'] });
    const first = await signIn(weir, 'anna');
    assert.equal(first.answer.status, 303, first.answer.text);
    assert.equal(first.answer.location, `${weir.url}/here?a=b`);
    assert.equal(first.browser.cookies.has('weir_oidc'), false, 'the attempt is over');
    const me = await first.browser.ask(`${weir.url}/api/v1/me`);
    assert.equal(me.status, 200, me.text);
    assert.equal(me.json.email, 'anna@x.org');
    assert.equal(me.json.name, 'The anna');
    assert.equal((await first.browser.ask(`${weir.url}/api/v1/users`)).status, 200, 'an admin reads users');

    // The same again is the same user, with what the provider says now.
    idp.accounts.set('anna', { email: 'anna@x.org', verified: true, groups: ['devs'] });
    const second = await signIn(weir, 'anna');
    assert.equal(second.answer.status, 303, second.answer.text);
    const again = await second.browser.ask(`${weir.url}/api/v1/me`);
    assert.equal(again.json.id, me.json.id);
    assert.equal((await second.browser.ask(`${weir.url}/api/v1/users`)).status, 403, 'a member does not');

    // Neither a code nor an attempt is good twice, not even with the cookie that was taken away.
    const browser = new Browser();
    const start = await begin(weir, browser);
    const kept = browser.cookies.get('weir_oidc') ?? assert.fail();
    const back = await logIn(start, 'anna');
    assert.equal((await browser.ask(at(weir, back))).status, 303);
    assert.equal((await browser.ask(at(weir, back))).status, 401);
    browser.cookies.set('weir_oidc', kept);
    const replay = await browser.ask(at(weir, back));
    assert.equal(replay.status, 401);
    assert.match(replay.json.detail as string, /does not take its code/);

    // Another browser, another state, another code: nobody comes in.
    const victim = new Browser();
    await begin(weir, victim);
    assert.equal((await victim.ask(at(weir, await logIn(await begin(weir, new Browser()), 'anna')))).status, 401);
    assert.equal(victim.cookies.has('weir_access'), false);

    // Who may not come is told so in words: a page for a browser, a problem for a program.
    idp.accounts.set('eve', { email: 'eve@y.org', verified: true, groups: ['chiefs'] });
    const page = (await signIn(weir, 'eve', 'text/html')).answer;
    assert.equal(page.status, 403);
    assert.match(page.text, /<h1>Nobody is signed in<\/h1>\s*<p>people with an email of this domain may not sign in through corp<\/p>/);
    idp.accounts.set('eve', { email: 'eve@x.org', verified: false, groups: ['chiefs'] });
    assert.match((await signIn(weir, 'eve')).answer.json.detail as string, /has not verified your email/);
    idp.accounts.set('eve', { email: 'eve@x.org', verified: true, groups: [] });
    assert.match((await signIn(weir, 'eve')).answer.json.detail as string, /gives you a role/);
    idp.accounts.set('eve', { email: 'owner@x.org', verified: true, groups: ['chiefs'] });
    assert.match((await signIn(weir, 'eve')).answer.json.detail as string, /sign in with their password/);

    // Who begins again and again waits, and nobody else.
    const from = (localAddress: string): Promise<{ status: number; retry: number }> =>
      new Promise((resolve, reject) => {
        const rq = request(`${weir.url}/auth/oidc/corp`, { localAddress, agent: false }, (rs) => {
          rs.resume();
          resolve({ status: rs.statusCode ?? 0, retry: Number(rs.headers['retry-after'] ?? 0) });
        });
        rq.on('error', reject);
        rq.end();
      });
    let last = await from('127.0.0.3');
    let begun = 0;
    for (; last.status === 303 && begun < 500; begun++) last = await from('127.0.0.3');
    assert.equal(last.status, 429);
    assert.ok(begun >= 60 && last.retry >= 1, `${begun} ${last.retry}`);
    assert.equal((await from('127.0.0.4')).status, 303);

    const bad = await new Browser().ask(`${weir.url}/auth/oidc/corp?return_to=${encodeURIComponent('//evil.example')}`);
    assert.equal(bad.status, 400, bad.text);
    assert.equal((await new Browser().ask(`${weir.url}/auth/oidc/nobody`)).status, 404);
    assert.ok(!/code=|"state"|weir_oidc/.test(weir.logs()), 'nothing that lets anybody in is in the log');
  } finally {
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
});

test('who signs out hears where the session at the provider ends, too', { skip, timeout: 60000 }, async () => {
  const weir = await Weir.start(sim, CHEAP + OWNER + provider(`, default_role: viewer, after_logout: "${PUBLIC}/bye"`));
  try {
    idp.accounts.set('finn', { email: 'finn@x.org', verified: true, groups: [] });
    const here = new Browser();
    const there = new Browser();
    assert.equal((await here.ask(at(weir, await logIn(await begin(weir, here), 'finn', there)))).status, 303);
    const leave = (browser: Browser): Promise<Response> => {
      const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const headers = { cookie, 'x-weir-csrf': browser.cookies.get('weir_csrf') ?? '' };
      return fetch(`${weir.url}/auth/logout`, { method: 'POST', headers });
    };
    const left = await leave(here);
    assert.equal(left.status, 200);
    const { end_session_url: url } = (await left.json()) as { end_session_url: string };
    assert.ok(url.startsWith(`${idp.issuer}/session/end?client_id=weir&logout_hint=finn%40x.org&post_logout_redirect_uri=`), url);
    assert.equal((await here.ask(`${weir.url}/api/v1/me`)).status, 401);
    assert.equal((await leave(here)).status, 204, 'once more: there is nothing left to end');

    // The provider knows the client and the address, asks the person, and sends the browser back.
    const asked = await there.ask(url, undefined, 'text/html');
    assert.equal(asked.status, 200, asked.text);
    const action = /<form[^>]* action="([^"]+)"/.exec(asked.text)?.[1] ?? assert.fail(asked.text);
    const xsrf = /name="xsrf" value="([^"]+)"/.exec(asked.text)?.[1] ?? assert.fail(asked.text);
    let gone = await there.ask(action, { xsrf, logout: 'yes' }, 'text/html');
    for (let i = 0; i < 3 && gone.location.startsWith(idp.issuer); i++) gone = await there.ask(gone.location, undefined, 'text/html');
    assert.ok(gone.location.startsWith(`${PUBLIC}/bye`), `${String(gone.status)} ${gone.location} ${gone.text.slice(0, 300)}`);
    const again = await begin(weir, new Browser());
    let page = await there.ask(again, undefined, 'text/html');
    for (let i = 0; i < 3 && page.location !== ''; i++) page = await there.ask(page.location, undefined, 'text/html');
    assert.match(page.text, /name="prompt" value="login"/, 'the session there is over');

    // With a password there was none.
    const owner = new Browser();
    const came = await fetch(`${weir.url}/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'owner@x.org', password: 'correct-horse-battery' }),
    });
    for (const cookie of came.headers.getSetCookie()) owner.cookies.set(...(/^([^=]+)=([^;]*)/.exec(cookie)?.slice(1, 3) as [string, string]));
    assert.equal((await leave(owner)).status, 204);
  } finally {
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
});

test('what is begun on one replica goes on at another', { skip: skip || database?.missing, timeout: 60000 }, async () => {
  const shared = `server_key: "${randomBytes(32).toString('hex')}"\nvault: { master_key: "${randomBytes(32).toString('hex')}" }\n`;
  const extra = `${CHEAP}${OWNER}${shared}store: "${database?.url ?? ''}"\n${provider(', default_role: viewer')}`;
  const all = [await Weir.start(sim, extra)];
  try {
    const [one] = all;
    assert.ok(one);
    const two = await Weir.start(sim, extra, config);
    all.push(two);
    idp.accounts.set('carl', { email: 'carl@z.org', verified: true, groups: [] });
    const browser = new Browser();
    const back = await logIn(await begin(one, browser), 'carl');
    const answer = await browser.ask(at(two, back));
    assert.equal(answer.status, 303, answer.text);
    const me = await browser.ask(`${one.url}/api/v1/me`);
    assert.equal(me.json.email, 'carl@z.org', me.text);
    // Two of somebody new at the same time are one user.
    idp.accounts.set('dora', { email: 'dora@z.org', verified: true, groups: [] });
    const both = await Promise.all(
      [one, two].map(async (weir) => {
        const other = new Browser();
        const way = await logIn(await begin(weir, other), 'dora');
        const came = await other.ask(at(weir, way));
        assert.equal(came.status, 303, came.text);
        return (await other.ask(`${weir.url}/api/v1/me`)).json.id;
      }),
    );
    assert.equal(both[0], both[1]);
  } finally {
    const codes = [];
    for (const weir of all) codes.push(await weir.stop());
    assert.deepEqual(codes, all.map(() => 0), all.map((weir) => weir.logs().slice(-3000)).join('\n'));
  }
});
