// Single values of the configuration given through the control API: two replicas on one PostgreSQL work by them within a moment, they outlive
// a restart, the file's own are not changed, and every setting that can be given is given its default and what is beyond its bounds.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { join } from 'node:path';
import type { components } from '../generated/api.js';
import { conform } from './conformity.js';
import { Database } from './database.js';
import { Sim, Weir, eventually, needsWeir, openai } from './harness.js';

type Setting = components['schemas']['Setting'];
type Value = Setting['value'];

const DEADLINE_MS = 20000;
const KEY = 'wk-settings-api-test-key';
const database = needsWeir ? undefined : await Database.start();
const skip = needsWeir || database?.missing || false;
const sim = skip ? (undefined as unknown as Sim) : await Sim.start();
const weirs: Weir[] = [];
after(async () => {
  for (const weir of weirs) await weir.stop();
  if (!skip) await sim.stop();
  await database?.stop();
});

const MASTER = createHash('sha256').update('settings-api').digest('hex');
const config = (url: string) => (_: Sim, dir: string): string => `listen: 127.0.0.1:0
data_dir: ${dir}/data
store: "${url}"
server_key: "${'0a'.repeat(32)}"
vault: { master_key: "${MASTER}" }
workers: 1
retry: { attempts: 0 }
smtp: { url: "smtp://127.0.0.1:1", from: weir@example.org, user: weir, password: hush-hush-hush }
providers:
  - { name: declared, kind: openai, base_url: "${sim.url}/v1", credentials: [ { name: main, api_key: sk-declared } ] }
models:
  - { name: declared, targets: [ { provider: declared, model: sim-text } ] }
keys:
  - { name: all, value: ${KEY} }
`;

interface Problem {
  detail: string;
  errors?: { pointer: string; detail: string }[];
}
interface Answer<T> {
  status: number;
  etag: string | undefined;
  text: string;
  json: T;
}

/** Over the operator's socket of one replica; every answer is held to the document. */
function call<T = Setting>(weir: Weir, method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<Answer<T>> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? more : { 'content-type': 'application/json', ...more };
    const rq = request({ socketPath: join(weir.dir, 'data/weir.sock'), method, path: `/api/v1/${path}`, agent: false, headers }, (answer) => {
      let text = '';
      answer.on('data', (d: Buffer) => (text += d.toString()));
      answer.on('end', () => {
        const status = answer.statusCode ?? 0;
        try {
          conform({ method, path: `/api/v1/${path.split('?')[0] ?? ''}`, status, type: answer.headers['content-type'] ?? '', text });
          resolve({ status, etag: answer.headers.etag, text, json: (text ? JSON.parse(text) : undefined) as T });
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

const put = (weir: Weir, key: string, value: unknown, more: Record<string, string> = {}): Promise<Answer<Setting & Problem>> =>
  call<Setting & Problem>(weir, 'PUT', `settings/${key}`, { value }, more);
const get = async (weir: Weir, key: string): Promise<Setting> => (await call(weir, 'GET', `settings/${key}`)).json;

async function all(weir: Weir, query = ''): Promise<Setting[]> {
  const found: Setting[] = [];
  for (let cursor = ''; ; ) {
    const page = await call<{ data: Setting[]; next: string | null }>(weir, 'GET', `settings?limit=25${query}${cursor}`);
    assert.equal(page.status, 200, page.text);
    found.push(...page.json.data);
    if (page.json.next === null) return found;
    cursor = `&cursor=${page.json.next}`;
  }
}

/** The status of a call whose body has so many bytes and some more. */
const say = (weir: Weir, bytes: number): Promise<number> =>
  openai(weir.url, KEY)
    .chat.completions.create({ model: 'declared', messages: [{ role: 'user', content: 'x'.repeat(bytes) }] })
    .then(() => 200)
    .catch((e: { status: number }) => e.status);

test('a limit that is given on one replica holds on both, outlives a restart, and is put back', { skip }, async () => {
  const url = database?.url ?? '';
  const one = await Weir.start(sim, '', config(url));
  weirs.push(one);
  const two = await Weir.start(sim, '', config(url));
  weirs.push(two);
  assert.deepEqual([await say(one, 4000), await say(two, 4000)], [200, 200]);
  assert.equal((await get(one, 'limits.body_bytes')).source, 'default');

  const given = await put(one, 'limits.body_bytes', 2000);
  assert.deepEqual([given.status, given.etag, given.json.value, given.json.source], [200, '"1"', 2000, 'store']);
  for (const weir of weirs) {
    await eventually('it is in force', async () => (await get(weir, 'limits.body_bytes')).in_force, DEADLINE_MS);
    assert.deepEqual([await say(weir, 4000), await say(weir, 10)], [413, 200]);
  }
  assert.equal((await put(two, 'limits.body_bytes', 3000, { 'if-match': '"7"' })).status, 412);
  assert.equal((await put(two, 'limits.body_bytes', 3000, { 'if-match': '"1"' })).status, 200);
  await eventually('the first replica has the second value', async () => (await get(one, 'limits.body_bytes')).value === 3000, DEADLINE_MS);
  assert.equal(await say(one, 2500), 200);

  // From the beginning on, and not from the first reload.
  assert.equal((await put(one, 'telemetry.log_level', 'debug')).status, 200);
  await one.restart();
  assert.deepEqual([await say(one, 4000), await say(one, 2500)], [413, 200]);
  await eventually('a line of the level', () => Promise.resolve(one.logs().includes('"level":"debug","event":"target"')), DEADLINE_MS);
  const shown = await get(one, 'limits.body_bytes');
  assert.deepEqual([shown.value, shown.default, shown.stored, shown.version, shown.in_force], [3000, 33554432, 3000, 2, true]);

  assert.equal((await call(two, 'DELETE', 'settings/limits.body_bytes')).status, 204);
  assert.equal((await call(two, 'DELETE', 'settings/telemetry.log_level')).status, 204);
  for (const weir of weirs) {
    await eventually('the default is back', async () => (await get(weir, 'limits.body_bytes')).source === 'default', DEADLINE_MS);
    assert.equal(await say(weir, 4000), 200);
  }
  assert.equal((await call(two, 'DELETE', 'settings/limits.body_bytes')).status, 404);
});

test("the file's values and those for the file alone are shown and not changed, and no secret is", { skip }, async () => {
  const one = weirs[0] as Weir;
  const declared = await get(one, 'retry.attempts');
  assert.deepEqual([declared.value, declared.source, declared.changeable, declared.why], [0, 'file', false, 'file']);
  const refused = await put(one, 'retry.attempts', 5);
  assert.deepEqual([refused.status, refused.json.detail], [409, 'the configuration file gives retry.attempts: it is changed there']);
  assert.equal((await call(one, 'DELETE', 'settings/retry.attempts')).status, 409);
  const everything = await call<unknown>(one, 'GET', 'settings?limit=200');
  for (const secret of ['hush-hush', MASTER, '0a0a0a', 'sk-declared', KEY, 'postgres://']) assert.ok(!everything.text.includes(secret), secret);
  for (const key of ['smtp.password', 'server_key', 'store', 'vault.master_key', 'keys', 'models.0.name', 'nothing.at.all']) {
    assert.equal((await call(one, 'GET', `settings/${key}`)).status, 404, key);
    assert.equal((await put(one, key, 'x')).status, 404, key);
  }
  assert.deepEqual((await all(one, '&source=file&section=smtp')).map((s) => s.key), ['smtp.url', 'smtp.user', 'smtp.from']);
});

/** Numbers and durations beyond the bounds; of others what is none of the choices. */
function beyond(s: Setting): unknown[] {
  const ms = (t: Value): number => {
    const [, n, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(String(t)) ?? [];
    return Number(n) * { ms: 1, s: 1000, m: 60000, h: 3600000, d: 86400000 }[unit as 'ms'];
  };
  if (s.type === 'integer') return [Number(s.minimum) - 1, Number(s.maximum) + 1, 1.5, String(s.default), null];
  if (s.type === 'duration') return [`${ms(s.minimum) - 1}ms`, `${ms(s.maximum) / 1000 + 1}s`, 5, null];
  if (s.type === 'boolean') return ['true', 1];
  return ['nothing of the kind', 1, ['info']];
}

test('every setting takes its default and nothing beyond its bounds', { skip }, async () => {
  const one = weirs[0] as Weir;
  const two = weirs[1] as Weir;
  const settings = await all(one);
  assert.equal(new Set(settings.map((s) => s.key)).size, settings.length);
  for (const s of settings) {
    const taken = await put(one, s.key, s.default);
    assert.equal(taken.status, s.changeable ? 200 : 409, `${s.key}: ${taken.text}`);
    if (!s.changeable) continue;
    assert.deepEqual([taken.json.value, taken.json.stored], [s.default, s.default]);
    for (const value of beyond(s)) {
      const refused = await put(one, s.key, value);
      assert.equal(refused.status, 422, `${s.key} = ${JSON.stringify(value)}: ${refused.text}`);
      assert.equal(refused.json.errors?.[0]?.pointer, '/value');
    }
  }
  const open = settings.filter((s) => s.changeable);
  assert.ok(open.length >= 40, `${open.length} can be changed`);
  const isTaken = async (weir: Weir): Promise<boolean> => (await all(weir, '&changeable=true')).every((s) => s.source === 'store' && s.in_force);
  for (const weir of [one, two]) await eventually('all are in force', () => isTaken(weir), DEADLINE_MS);
  assert.deepEqual([await say(one, 10), await say(two, 10)], [200, 200]);
  for (const s of open) assert.equal((await call(one, 'DELETE', `settings/${s.key}`)).status, 204, s.key);
  await eventually('none is left', async () => (await all(two, '&source=store')).length === 0, DEADLINE_MS);
});

test('one that the file does not go with any more is left out and keeps nothing from starting', { skip }, async () => {
  const one = weirs[0] as Weir;
  assert.equal((await put(one, 'retry.max', '1s')).status, 200);
  assert.equal((await put(one, 'breaker.failures', 9)).status, 200);
  one.configure((t) => t.replace('attempts: 0', 'attempts: 0, base: 3s'));
  await one.restart();
  const shown = await get(one, 'retry.max');
  assert.deepEqual([shown.value, shown.stored, shown.in_force, shown.problem], ['5s', '1s', false, '`retry.base` must not be longer than `max`']);
  assert.deepEqual((await get(one, 'breaker.failures')).value, 9);
  assert.equal(await say(one, 10), 200);
  assert.equal((await put(one, 'retry.max', '1s')).status, 422);
  assert.equal((await put(one, 'retry.max', '4s')).status, 200);
  await eventually('it is in force', async () => (await get(one, 'retry.max')).in_force, DEADLINE_MS);
});

test('the command and the audit log', { skip }, async () => {
  const two = weirs[1] as Weir;
  const set = await two.command('setting', 'set', 'queue.wait', '7s');
  assert.deepEqual([set.code, /^queue\.wait +7s +store, default 10s\n$/.test(set.out)], [0, true], set.out);
  assert.equal((await two.command('setting', 'set', 'queue.wait', 'long')).code, 1);
  assert.equal((await two.command('setting', 'set', 'queue.size', 'many')).code, 1);
  assert.equal((await two.command('setting', 'set', 'affinity.enabled', 'false')).code, 0);
  await eventually('it is shown', async () => (await two.command('setting', 'get', 'queue.wait')).out.startsWith('queue.wait                   7s'), DEADLINE_MS);
  assert.match((await two.command('setting', 'list', 'queue', '--json')).out, /"key":"queue.size"[^\n]*\n.*"key":"queue.wait"/);
  assert.equal((await two.command('setting', 'unset', 'queue.wait')).code, 0);
  assert.equal((await two.command('setting', 'unset', 'queue.wait')).code, 1);
  assert.equal((await two.command('setting', 'get', '../keys')).code, 2);

  const entries = await call<{ data: { actor: string; before: string | null; after: string | null }[] }>(two, 'GET', 'audit?action=setting.delete&limit=1');
  const last = entries.json.data[0];
  assert.ok(last);
  assert.match(last.actor, /^local:/);
  assert.deepEqual([(JSON.parse(last.before ?? '') as { setting: object }).setting, last.after], [{ key: 'queue.wait', value: '7s' }, null]);
  assert.equal((await two.command('audit', 'verify')).code, 0);
});
