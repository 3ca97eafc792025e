// The control API on the operator's socket: every operation of the document is called, every answer is held against the document's own
// schema, and the document is good enough for a client to be generated from it.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { connect } from 'node:net';
import { request, type IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import openapiTS, { astToString } from 'openapi-typescript';
import { conform, isDescribed, type Document, type Operation } from './conformity.js';
import { KEY, UPSTREAM_ANTHROPIC, UPSTREAM_OPENAI, eventually, needsWeir, openai, start, type World } from './harness.js';

const skip = needsWeir;

interface Page<T> {
  data: T[];
  next: string | null;
}

let world: World;
let document: Document;
/** Where it is not 1. */
const idOf: Record<string, string> = {};

interface Answer {
  status: number;
  type: string;
  json: unknown;
  headers: IncomingHttpHeaders;
}

/** Asks over the socket, as its owner; the answer has to be as the document says. */
function call(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? more : { 'content-type': 'application/json', ...more };
    const rq = request({ socketPath: join(world.weir.dir, 'data/weir.sock'), method, path, agent: false, headers }, (answer) => {
      let text = '';
      answer.on('data', (d: Buffer) => (text += d.toString()));
      answer.on('end', () => {
        const got = { status: answer.statusCode ?? 0, type: String(answer.headers['content-type'] ?? '') };
        try {
          const known = path.replace(/\?.*/, '');
          if (isDescribed(known, true)) conform({ method, path: known, ...got, text });
          resolve({ ...got, json: text ? JSON.parse(text) : undefined, headers: answer.headers });
        } catch (e) {
          reject(e as Error);
        }
      });
      answer.on('error', reject);
    });
    rq.on('error', reject);
    rq.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

before(async () => {
  if (skip) return;
  world = await start('  - { name: confined, value: "wk-test-confined-01", routes: [anthropic] }\n  - { name: far, value: "wk-test-far-000002", allow_ips: [10.0.0.0/8] }\npolicies: [ { name: p, only: [anthropic] } ]\nusers: [ { email: u@x.org, password: correct-horse-battery } ]\n');
  document = (await call('GET', '/api/openapi.json')).json as Document;
  for (let i = 0; i < 3; i++) {
    await openai(world.url).chat.completions.create({ model: 'sim-text', messages: [{ role: 'user', content: `number ${i}` }] });
    const made = await world.weir.command('key', 'create', '--name', `key ${i}`, '--user', 'u', '--budget-usd', '0.000000001', '--period', 'day');
    assert.equal(made.code, 0, made.out);
  }
  const queued = await world.weir.command('job', 'run', 'purge');
  assert.equal(queued.code, 0, queued.out);
  await world.weir.ledgerOf(3, (r) => r.key_name === 'all');
  const user = await world.weir.command('user', 'create', 'ann@example.org', '--role', 'owner', '--name', 'Ann');
  assert.equal(user.code, 0, user.out);
  assert.match(user.out, /^[0-9]+$/m);
  const link = await world.weir.command('user', 'link', 'ann@example.org');
  assert.equal(link.code, 0, link.out);
  assert.match(link.out, /^http\S+\/accept\?token=\S+$/m);
  assert.equal((await world.weir.command('user', 'link', 'nobody@example.org')).code, 1);
  const things: [string, object][] = [
    ['workspaces', { name: 'lab' }],
    ['teams', { name: 'platform' }],
    ['service-accounts', { name: 'bot' }],
    ['roles', { name: 'keeper', permissions: ['keys.read'] }],
    ['credentials', { provider: 'openai', name: 'kept', secret: 'sk-kept-in-the-store-0001' }],
  ];
  for (const [path, body] of things) assert.equal((await call('POST', `/api/v1/${path}`, body)).status, 201, path);
  const entries: [string, object][] = [
    ['providers', { name: 'made', kind: 'openai', base_url: `${world.sim.url}/v1` }],
    ['models', { name: 'made', targets: [{ provider: 'made', model: 'sim-text' }] }],
    ['policies', { name: 'made', only: ['made'] }],
    ['prices', { provider: 'made', model: '*', input: 1, output: 2 }],
    ['assignments', { workspace: 'lab', policy: 'p' }],
    ['limits', { workspace: 'lab', rpm: 100000 }],
  ];
  for (const [path, config] of entries) {
    const made = await call('POST', `/api/v1/${path}`, { config });
    assert.equal(made.status, 201, JSON.stringify(made.json));
    idOf[`/api/v1/${path}/{id}`] = String((made.json as { id: number }).id);
  }
});
after(async () => {
  if (!skip) await world.stop();
});

/** A stream has no end: live.test.ts follows it. */
function isStream(op?: Operation): boolean {
  return op?.responses['200']?.content?.['text/event-stream'] !== undefined;
}

/** Bytes that are no request, and what comes back for them. */
function raw(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(join(world.weir.dir, 'data/weir.sock'), () => socket.write(bytes));
    socket.on('data', (d: Buffer) => (text += d.toString()));
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
}

test('what is no request is told as a problem too', { skip }, async () => {
  for (const bytes of ['FOO /api/v1/keys HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n', 'GET /api/v1/keys?limit=1 HTTP/1.1\r\nhost: a b\r\n\r\n', 'GET /api/v1/keys HTTP/1.1\r\n\r\n']) {
    const [head = '', body = ''] = (await raw(bytes)).split('\r\n\r\n');
    assert.match(head, /^HTTP\/1\.1 4\d\d /);
    assert.match(head, /content-type: application\/problem\+json/i);
    const problem = JSON.parse(body) as { type: string; title: string; status: number };
    assert.match(problem.type, /^urn:weir:problem:/);
    assert.ok(head.includes(` ${problem.status} `) && problem.title.length > 0);
  }
});

test('the document is what `weir openapi` prints, is valid, and a client can be generated from it', { skip }, async () => {
  assert.deepEqual(JSON.parse(execFileSync(world.weir.binary, ['openapi']).toString()), document);
  const types = astToString(await openapiTS(document as unknown as Parameters<typeof openapiTS>[0]));
  for (const operations of Object.values(document.paths)) {
    for (const op of Object.values(operations)) assert.ok(types.includes(`${op.operationId}: {`), op.operationId);
  }
  assert.equal(document.openapi, '3.1.0');
  const verdict = await new Validator().validate(document as never);
  assert.deepEqual([verdict.valid, verdict.errors], [true, undefined]);
});

test('`weir help` says what commands there are', { skip }, async () => {
  const { code, out } = await world.weir.command('help');
  assert.equal(code, 0);
  assert.match(out, /^usage: weir COMMAND/m);
});

test('every operation answers in its shape, good and bad', { skip }, async () => {
  const names: Record<string, string> = { id: '1', name: 'anthropic', key: 'breaker.failures' };
  for (const [path, operations] of Object.entries(document.paths)) {
    if (path.startsWith('/auth/')) continue; // over the network: signin.test.ts
    for (const [method, op] of Object.entries(operations)) {
      if (method !== 'get' || isStream(op)) continue;
      const filled = path.replace(/\{(\w+)\}/g, (_, n: string) => idOf[path] ?? names[n] ?? 'x');
      const good = await call('GET', filled);
      assert.equal(good.status, 200, `${filled}: ${JSON.stringify(good.json)}`);
      const bad = await call('GET', `${filled}?no-such-parameter=1`);
      assert.equal(bad.status, 422);
      const gone = path.includes('{') ? await call('GET', path.replace(/\{\w+\}/g, '999999')) : undefined;
      if (gone) {
        assert.equal(gone.status, 404);
      }
      const refused = await call('TRACE', filled);
      assert.ok(refused.status === 405 || refused.status === 400, String(refused.status));
    }
  }
});

/** An operation of the document, by its template. */
async function ask(method: string, template: string, values: object, body?: unknown, more?: Record<string, string>): Promise<Answer> {
  const op = document.paths[template]?.[method.toLowerCase()];
  assert.ok(op, `${method} ${template} is not in the document`);
  return call(method, template.replace(/\{(\w+)\}/g, (_, n: string) => String((values as Record<string, unknown>)[n])), body, more);
}

interface Key {
  id: number;
  name: string;
  rpm: number | null;
  blocked: boolean;
}
interface Made {
  key: Key;
  secret: string;
}

test('a key is made, used, changed, rotated in use, blocked and ended', { skip }, async () => {
  const KEYS = '/api/v1/keys';
  const ONE = '/api/v1/keys/{id}';
  const say = (apiKey: string): Promise<number> =>
    openai(world.url, apiKey)
      .chat.completions.create({ model: 'sim-text', messages: [{ role: 'user', content: 'hello' }] })
      .then(() => 200)
      .catch((e: { status: number }) => e.status);
  const made = await ask('POST', KEYS, {}, { name: 'sdk', rpm: 1000 }, { 'idempotency-key': 'k1' });
  assert.equal(made.status, 201);
  const { key, secret } = made.json as Made;
  assert.equal(made.headers.location, `${KEYS}/${key.id}`);
  const again = await ask('POST', KEYS, {}, { name: 'sdk', rpm: 1000 }, { 'idempotency-key': 'k1' });
  assert.deepEqual([again.status, again.headers['idempotent-replayed'], again.json], [201, 'true', made.json]);
  assert.equal((await ask('POST', KEYS, {}, { name: 'sdk 2' }, { 'idempotency-key': 'k1' })).status, 422);
  assert.equal(await say(secret), 200);

  const changed = await ask('PATCH', ONE, key, { rpm: 2000 }, { 'if-match': String(made.headers.etag) });
  assert.deepEqual([changed.status, (changed.json as Key).rpm], [200, 2000]);
  assert.equal((await ask('PATCH', ONE, key, { rpm: 3 }, { 'if-match': String(made.headers.etag) })).status, 412);
  assert.equal((await call('GET', `${KEYS}/${key.id}`, undefined, { 'if-none-match': String(changed.headers.etag) })).status, 304);
  assert.equal((await ask('PATCH', ONE, key, { id: 9 })).status, 422);
  assert.equal((await ask('POST', KEYS, {}, { name: 'sdk' })).status, 409);

  const rotated = await ask('POST', `${ONE}/rotate`, key, { overlap_s: 60 });
  const next = (rotated.json as Made).secret;
  assert.deepEqual([await say(secret), await say(next)], [200, 200]);
  await ask('POST', `${ONE}/rotate`, key, { overlap_s: 0 });
  await eventually('the rotated key is refused', async () => (await say(next)) === 401);
  const blocked = await ask('POST', `${ONE}/block`, key);
  assert.equal((blocked.json as Key).blocked, true);
  await ask('POST', `${ONE}/unblock`, key);
  assert.equal((await ask('DELETE', ONE, key, undefined, { 'if-match': '"1"' })).status, 412);
  assert.equal((await ask('DELETE', ONE, key)).status, 204);
  assert.equal((await ask('DELETE', ONE, key)).status, 404);
  const trail = (await ask('GET', '/api/v1/audit', {})).json as Page<{ action: string; subject: string }>;
  const actions = trail.data.filter((e) => e.subject === `key:${key.id}`).map((e) => e.action);
  assert.deepEqual(actions, ['key.delete', 'key.unblock', 'key.block', 'key.rotate', 'key.rotate', 'key.update', 'key.create']);
});

test('a key is refused where it may not be used', { skip }, async () => {
  const make = async (name: string, more: object): Promise<string> => ((await ask('POST', '/api/v1/keys', {}, { name, ...more })).json as Made).secret;
  const say = (key: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${world.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...headers },
      body: JSON.stringify({ model: 'sim-text', messages: [{ role: 'user', content: 'hello' }] }),
    });
  assert.equal((await say(await make('other wire', { routes: ['anthropic', '/openai'] }))).status, 403);
  for (const declared of ['wk-test-confined-01', 'wk-test-far-000002']) assert.equal((await say(declared, { 'x-forwarded-for': '10.0.0.1' })).status, 403, declared);
  assert.equal((await say(await make('this wire', { routes: ['openai_chat'] }))).status, 200);
  const elsewhere = await make('elsewhere', { allow_ips: ['10.0.0.0/8'] });
  assert.equal((await say(elsewhere, { 'x-forwarded-for': '10.0.0.1' })).status, 403);
  assert.equal((await say(await make('here', { allow_ips: ['127.0.0.0/8', '::1'] }))).status, 200);
  const site = await make('site', { cors_origins: ['https://app.example'] });
  const good = await say(site, { origin: 'https://app.example' });
  assert.deepEqual([good.status, good.headers.get('access-control-allow-origin')], [200, 'https://app.example']);
  assert.equal((await say(site, { origin: 'https://evil.example' })).status, 403);
  const asked = await fetch(`${world.url}/v1/chat/completions`, {
    method: 'OPTIONS',
    headers: { origin: 'https://app.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
  });
  assert.deepEqual([asked.status, asked.headers.get('access-control-allow-headers')], [204, 'authorization']);
  assert.equal((await ask('POST', '/api/v1/keys', {}, { name: 'bad', allow_ips: ['10.0.0.1/8'], cors_origins: ['https://x/'], routes: ['all'] })).status, 422);
});

test('a job is asked for, and ends', { skip }, async () => {
  const queued = await ask('POST', '/api/v1/jobs', {}, { kind: 'purge' });
  const { id } = queued.json as { id: number };
  assert.deepEqual([queued.status, queued.headers.location], [201, `/api/v1/jobs/${id}`]);
  await eventually('it is done', async () => ((await ask('GET', '/api/v1/jobs/{id}', { id })).json as { state: string }).state === 'done');
  assert.equal((await ask('POST', '/api/v1/jobs/{id}/cancel', { id })).status, 409);
  assert.equal((await ask('POST', '/api/v1/jobs', {}, { kind: 'no-such-kind' })).status, 422);
});

interface Row {
  id: number;
  version: number;
  name: string | null;
}

test('people: a role is made and given through a team, a user is changed, disabled and removed', { skip }, async () => {
  const USER = '/api/v1/users/{id}';
  const made = await ask('POST', '/api/v1/users', {}, { email: 'Bob@Example.org', name: 'Bob' });
  const bob = made.json as Row & { email: string; invited: boolean };
  assert.deepEqual([made.status, bob.email, bob.invited, made.headers.location], [201, 'bob@example.org', true, `/api/v1/users/${bob.id}`]);
  const role = (await ask('POST', '/api/v1/roles', {}, { name: 'reader', permissions: ['keys.read', 'usage.read'] })).json as Row & { role: string };
  const team = (await ask('POST', '/api/v1/teams', {}, { name: 'readers', description: 'who look' })).json as Row;
  const MEMBER = '/api/v1/teams/{id}/members/{user}';
  assert.equal((await ask('PUT', MEMBER, { id: team.id, user: bob.id })).status, 204);
  const members = (await ask('GET', '/api/v1/teams/{id}/members', team)).json as Page<Row>;
  assert.deepEqual(members.data.map((m) => m.id), [bob.id]);
  const grant = (await ask('POST', '/api/v1/grants', {}, { to: 'team', to_id: team.id, role: role.role, workspace: 1 })).json as Row;
  assert.equal((await ask('POST', '/api/v1/grants', {}, { to: 'team', to_id: team.id, role: 'emperor' })).status, 404);
  assert.equal((await ask('POST', '/api/v1/roles', {}, { name: 'bad', permissions: ['keys.teleport'] })).status, 422);
  assert.equal((await ask('PATCH', '/api/v1/roles/{id}', { id: 'owner' }, { permissions: [] })).status, 403);

  const changed = await ask('PATCH', USER, bob, { disabled: true }, { 'if-match': String(made.headers.etag) });
  assert.equal(changed.status, 200);
  assert.equal((await ask('PATCH', USER, bob, { disabled: false }, { 'if-match': String(made.headers.etag) })).status, 412);
  assert.equal((await ask('PATCH', USER, bob, { invited: false })).status, 422);
  assert.equal((await ask('PATCH', '/api/v1/workspaces/{id}', { id: 1 }, { name: 'den' })).status, 422);
  const found = (await call('GET', '/api/v1/users?search=BOB')).json as Page<Row>;
  assert.deepEqual(found.data.map((u) => u.id), [bob.id]);

  assert.equal((await ask('DELETE', '/api/v1/roles/{id}', role)).status, 204);
  assert.equal((await ask('GET', '/api/v1/grants/{id}', grant)).status, 404);
  assert.equal((await ask('DELETE', USER, bob)).status, 204);
  assert.deepEqual(((await ask('GET', '/api/v1/teams/{id}/members', team)).json as Page<Row>).data, []);
  const listed = await world.weir.command('user', 'list');
  assert.match(listed.out, /^[0-9]+ +invited +1 +ann@example\.org owner$/m);
  const created = await world.weir.command('user', 'create', 'carl@example.org', '--role', 'member');
  const carl = /^([0-9]+)$/m.exec(created.out)?.[1] ?? assert.fail(created.out);
  for (const [verb, state] of [['disable', 'disabled'], ['enable', 'invited']] as const) {
    assert.equal((await world.weir.command('user', verb, carl)).code, 0);
    assert.match((await world.weir.command('user', 'list', '--organisation', '1')).out, new RegExp(`^${carl} +${state} +1 +carl@`, 'm'));
  }
  assert.equal((await world.weir.command('user', 'delete', 'carl@example.org')).code, 0);
  assert.equal((await world.weir.command('user', 'delete', carl)).code, 1);
  for (const wrong of [['delete'], ['list', '--organisation', '0'], ['create', 'no-address', '--role', 'owner'], ['create', 'dan@example.org']])
    assert.equal((await world.weir.command('user', ...wrong)).code, 2, wrong.join(' '));
  const trail = (await call('GET', `/api/v1/audit?subject=user:${bob.id}`)).json as Page<{ action: string }>;
  assert.deepEqual(trail.data.map((e) => e.action), ['user.delete', 'user.update', 'user.create']);
  assert.equal((await world.weir.command('audit', 'verify')).code, 0);
});

test('an organisation cannot take a workspace of another, and goes when it is empty', { skip }, async () => {
  const acme = (await ask('POST', '/api/v1/organisations', {}, { name: 'acme', timezone: 'Asia/Seoul' })).json as Row;
  const lab = (await ask('POST', '/api/v1/workspaces', {}, { name: 'acme-lab', organisation: acme.id })).json as Row;
  assert.equal((await ask('POST', '/api/v1/workspaces', {}, { name: 'lab', organisation: acme.id })).status, 409);
  assert.equal((await ask('DELETE', '/api/v1/organisations/{id}', acme)).status, 409);
  assert.equal((await ask('DELETE', '/api/v1/workspaces/{id}', lab)).status, 204);
  assert.equal((await ask('DELETE', '/api/v1/organisations/{id}', acme)).status, 204);
  assert.equal((await ask('DELETE', '/api/v1/organisations/{id}', { id: 1 })).status, 409);
});

test('pages give every entry once', { skip }, async () => {
  for (const path of ['/api/v1/keys', '/api/v1/requests', '/api/v1/models', '/api/v1/providers']) {
    const whole = (await call('GET', `${path}?limit=200`)).json as Page<object>;
    const parts: object[] = [];
    for (let next: string | null = ''; next !== null; ) {
      const page = (await call('GET', `${path}?limit=1${next ? `&cursor=${next}` : ''}`)).json as Page<object>;
      assert.ok(page.data.length <= 1);
      parts.push(...page.data);
      next = page.next;
    }
    assert.deepEqual(parts, whole.data, path);
    assert.ok(whole.data.length >= 2, path);
  }
});

test('no secret is in any answer, and a key of the data paths is nobody here', { skip }, async () => {
  let text = '';
  const paths = Object.keys(document.paths).filter((path) => isDescribed(path, true) && !isStream(document.paths[path]?.get));
  for (const path of paths) text += JSON.stringify(await call('GET', path.replace('{name}', 'openai').replace(/\{\w+\}/g, '1')));
  for (const secret of [KEY, UPSTREAM_ANTHROPIC, UPSTREAM_OPENAI]) assert.ok(!text.includes(secret));
  for (const path of ['/api/v1/keys', '/api/v1/me', '/api/v1/nowhere']) {
    const answer = await fetch(`${world.url}${path}`, { headers: { authorization: `Bearer ${KEY}` } });
    await answer.text();
    assert.equal(answer.status, 401);
  }
});
