// What an administrator does, with a client whose types are generated from the OpenAPI document (run.sh): sets Weir up, invites somebody, gives
// them a role of their own, has a key made, used, rotated in use and taken away, and reads the trail; over two replicas on one PostgreSQL database.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import createClient, { type Client } from 'openapi-fetch';
import type { components, paths } from '../generated/api.js';
import { Database } from './database.js';
import { Sim, Weir, config, direct, eventually, openai } from './harness.js';

const database = direct ? undefined : await Database.start();
const skip = direct ? 'needs a gateway' : (database?.missing ?? false);

const PASSWORD = 'correct horse battery';
const shared = `signin: { password: { memory_kib: 8192, passes: 1 } }
server_key: "${randomBytes(32).toString('hex')}"
vault: { master_key: "${randomBytes(32).toString('hex')}" }
store: "${database?.url ?? ''}"
public_url: "http://127.0.0.1:8080"
`;

type Key = components['schemas']['Key'];

let sim: Sim;
let one: Weir;
let two: Weir;

before(async () => {
  if (skip) return;
  sim = await Sim.start();
  one = await Weir.start(sim, shared, config);
  two = await Weir.start(sim, shared, config);
});
after(async () => {
  for (const weir of [one, two]) if (weir) assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  if (sim) await sim.stop();
  await database?.stop();
});

/** The clients of one person: they keep cookies as a browser does, over both replicas. */
class Person {
  private cookies = new Map<string, string>();
  at(weir: Weir): Client<paths> {
    return createClient<paths>({ baseUrl: weir.url, fetch: (rq) => this.send(rq) });
  }
  private async send(rq: Request): Promise<Response> {
    if (this.cookies.size > 0) rq.headers.set('cookie', [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; '));
    const proof = this.cookies.get('weir_csrf');
    if (proof !== undefined && rq.method !== 'GET') rq.headers.set('x-weir-csrf', proof);
    const answer = await fetch(rq);
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    return answer;
  }
}

/** What the answer holds, or the test fails with what is wrong. */
function good<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  assert.ok(answer.response.ok && answer.data !== undefined, `${answer.response.status}: ${JSON.stringify(answer.error)}`);
  return answer.data;
}

function tokenOf(text: string): string {
  return /[?&]token=([^\s"&]+)/.exec(text)?.[1] ?? assert.fail(text);
}

/** Says something, streamed: the status, 200 when all of it came. */
async function say(weir: Weir, secret: string): Promise<number> {
  try {
    const stream = await openai(weir.url, secret).chat.completions.create({ model: 'sim-text', stream: true, messages: [{ role: 'user', content: 'hello' }] });
    let text = '';
    for await (const part of stream) text += part.choices[0]?.delta.content ?? '';
    return text === '' ? 0 : 200;
  } catch (e) {
    return (e as { status?: number }).status ?? -1;
  }
}

const owner = new Person();
const guest = new Person();
let guestId = 0;
let key: Key;
let secret = '';

test('the first owner comes by the link on the console', { skip, timeout: 60000 }, async () => {
  const api = owner.at(one);
  assert.equal(good(await api.GET('/auth/door')).needs_setup, true);
  const answer = good(await api.POST('/auth/setup', { body: { token: tokenOf(one.logs()), email: 'owner@x.org', password: PASSWORD, name: 'The Owner' } }));
  assert.equal(answer.email, 'owner@x.org');
  assert.equal(good(await api.GET('/auth/door')).needs_setup, false);
  assert.ok(good(await owner.at(two).GET('/api/v1/me')).permissions.includes('users.write'));
});

test('somebody is invited, and may do what a role of their own says', { skip, timeout: 60000 }, async () => {
  const api = owner.at(two);
  const user = good(await api.POST('/api/v1/users', { body: { email: 'ann@x.org', name: 'Ann' } }));
  guestId = user.id;
  const path = { id: String(user.id) };
  const link = good(await api.POST('/api/v1/users/{id}/link', { params: { path } }));
  good(await guest.at(one).POST('/auth/accept', { body: { token: tokenOf(link.url), password: PASSWORD } }));
  assert.equal(good(await guest.at(two).GET('/api/v1/me')).email, 'ann@x.org');
  const early = await guest.at(one).GET('/api/v1/keys');
  assert.deepEqual([early.response.status, early.error?.detail], [403, 'this needs the permission keys.read']);

  const role = good(await api.POST('/api/v1/roles', { body: { name: 'key keeper', permissions: ['keys.read', 'keys.write', 'usage.read'] } }));
  good(await api.POST('/api/v1/grants', { body: { to: 'user', to_id: user.id, role: role.role } }));
  for (const weir of [one, two])
    await eventually('the role counts', async () => (await guest.at(weir).GET('/api/v1/keys')).response.status === 200, 20000);
  // Nobody gives more than they have.
  const wider = await guest.at(one).POST('/api/v1/grants', { body: { to: 'user', to_id: user.id, role: 'owner' } });
  assert.equal(wider.response.status, 403);
});

test('a key is made once, and good for a streamed call on either replica', { skip, timeout: 60000 }, async () => {
  const ask = { params: { header: { 'Idempotency-Key': 'ann-1' } }, body: { name: 'ann', rpm: 100000 } };
  const made = good(await guest.at(one).POST('/api/v1/keys', ask));
  const again = await guest.at(two).POST('/api/v1/keys', ask);
  assert.equal(again.response.headers.get('idempotent-replayed'), 'true');
  assert.deepEqual(good(again), made);
  ({ key, secret } = made);
  assert.deepEqual([await say(one, secret), await say(two, secret)], [200, 200]);
});

test('it is rotated while calls run, and none of them is refused', { skip, timeout: 60000 }, async () => {
  const path = { id: String(key.id) };
  let current = secret;
  let running = true;
  const seen: number[] = [];
  const caller = async (weir: Weir): Promise<void> => {
    while (running) seen.push(await say(weir, current));
  };
  const callers = [one, two, one, two].map(caller);
  for (let i = 0; i < 3; i++) {
    const before = seen.length;
    const next = good(await guest.at(i % 2 ? one : two).POST('/api/v1/keys/{id}/rotate', { params: { path }, body: { overlap_s: 3600 } }));
    // The one before is good as long as it overlaps, and the next one at once, also where it was not made.
    assert.deepEqual([await say(one, current), await say(two, current), await say(one, next.secret), await say(two, next.secret)], [200, 200, 200, 200]);
    current = next.secret;
    await eventually('calls go on', async () => seen.length >= before + 8, 30000);
  }
  running = false;
  await Promise.all(callers);
  assert.deepEqual([...new Set(seen)], [200]);
  assert.ok(seen.length >= 24, String(seen.length));
  secret = current;
});

test('blocked on one replica it is refused on the other', { skip, timeout: 60000 }, async () => {
  const path = { id: String(key.id) };
  const read = await guest.at(one).GET('/api/v1/keys/{id}', { params: { path } });
  const version = read.response.headers.get('etag') ?? '';
  const blocked = await guest.at(one).POST('/api/v1/keys/{id}/block', { params: { path, header: { 'If-Match': version } } });
  assert.equal(good(blocked).blocked, true);
  const stale = await guest.at(two).PATCH('/api/v1/keys/{id}', { params: { path, header: { 'If-Match': version } }, body: { name: 'other' } });
  assert.equal(stale.response.status, 412);
  // Within a second by a clock that is not busy: test_access and tests/faults have one of their own.
  await eventually('it is refused there', async () => (await say(two, secret)) !== 200, 20000);
  await eventually('and here', async () => (await say(one, secret)) !== 200, 20000);
});

test('the trail says who did what, and is whole', { skip, timeout: 60000 }, async () => {
  const refused = await guest.at(one).GET('/api/v1/audit');
  assert.equal(refused.response.status, 403);
  const trail = good(await owner.at(two).GET('/api/v1/audit', { params: { query: { subject: `key:${key.id}` } } }));
  assert.deepEqual(
    trail.data.map((e) => [e.action, e.actor]),
    ['key.block', 'key.rotate', 'key.rotate', 'key.rotate', 'key.create'].map((action) => [action, `user:${guestId}`]),
  );
  const verified = await one.command('audit', 'verify');
  assert.equal(verified.code, 0, verified.out);
  assert.ok(!JSON.stringify(trail).includes(secret));
});

test('a member\'s own key goes on under another address, rests while they are disabled and goes with them', { skip, timeout: 60000 }, async () => {
  const api = owner.at(one);
  const join = async (person: Person, email: string): Promise<number> => {
    const { id } = good(await api.POST('/api/v1/users', { body: { email, name: email } }));
    good(await api.POST('/api/v1/grants', { body: { to: 'user', to_id: id, role: 'member' } }));
    const link = good(await api.POST('/api/v1/users/{id}/link', { params: { path: { id: String(id) } } }));
    good(await person.at(two).POST('/auth/accept', { body: { token: tokenOf(link.url), password: PASSWORD } }));
    return id;
  };
  const change = async (id: number, body: { email?: string; disabled?: boolean }): Promise<void> => {
    good(await api.PATCH('/api/v1/users/{id}', { params: { path: { id: String(id) } }, body }));
  };
  const bob = new Person();
  const eve = new Person();
  const id = await join(bob, 'bob@x.org');
  const own = good(await bob.at(one).POST('/api/v1/keys', { body: { name: 'own' } }));
  assert.deepEqual([await say(one, own.secret), await say(two, own.secret)], [200, 200]);
  await change(id, { email: 'bob@y.org' });
  await join(eve, 'bob@x.org');
  const path = { id: String(own.key.id) };
  assert.deepEqual(good(await eve.at(two).GET('/api/v1/keys')).data, []);
  assert.equal((await eve.at(two).POST('/api/v1/keys/{id}/rotate', { params: { path }, body: {} })).response.status, 404);
  assert.deepEqual(good(await eve.at(two).GET('/api/v1/requests')).data, []);
  await eventually('the address is known', async () => good(await bob.at(two).GET('/api/v1/me')).email === 'bob@y.org', 20000);
  assert.deepEqual(good(await bob.at(two).GET('/api/v1/keys')).data.map((k) => [k.id, k.user]), [[own.key.id, 'bob@y.org']]);
  await change(id, { disabled: true });
  for (const weir of [one, two]) await eventually('it is refused', async () => (await say(weir, own.secret)) === 403, 20000);
  await change(id, { disabled: false });
  for (const weir of [one, two]) await eventually('it is good again', async () => (await say(weir, own.secret)) === 200, 20000);
  const gone = await api.DELETE('/api/v1/users/{id}', { params: { path: { id: String(id) } } });
  assert.equal(gone.response.status, 204);
  for (const weir of [one, two]) await eventually('it is gone', async () => (await say(weir, own.secret)) === 401, 20000);
  const trail = good(await api.GET('/api/v1/audit', { params: { query: { action: 'key.delete' } } })).data;
  assert.ok(trail.some((entry) => entry.subject === `key:${own.key.id}`));
});
