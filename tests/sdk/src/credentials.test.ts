// Credentials of providers in the store, on the whole program: used as soon as they are given, replaced under load, per workspace, on every replica, refused by name when they are gone; and no secret is found anywhere it does not belong.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { Database } from './database.js';
import { KEY, KEYS, Sim, Weir, eventually, header, needsWeir, openai } from './harness.js';

const skip = needsWeir;
const LIMIT_MS = 20000;
const LAB = 'wk-test-of-the-lab-0001';
const SHOP = 'wk-test-of-the-shop-001';
const canary = (n: string): string => `sk-canary-${n}-0123456789abcdefghij`;

const write = (store = '') => (at: Sim, dir: string): string => `listen: 127.0.0.1:0
data_dir: ${dir}/data
workers: 2
${store}
breaker: { failures: 1000000 }
retry: { attempts: 0 }
affinity: { enabled: false }
providers:
  - { name: bare, kind: openai, base_url: "${at.url}/v1" }
models:
  - { name: first, targets: [ { provider: bare, model: sim-text } ] }
  - { name: named, targets: [ { provider: bare, model: sim-text, credential: team } ] }
  - { name: every, strategy: weighted, targets: [ { provider: bare, model: sim-text, credential: "*" } ] }
keys:
  - { name: all, value: "${KEYS.all}" }
  - { name: lab, value: "${LAB}", workspace: lab }
  - { name: shop, value: "${SHOP}", workspace: shop }
`;

const sim = skip ? (undefined as unknown as Sim) : await Sim.start();
const weir = skip ? (undefined as unknown as Weir) : await Weir.start(sim, '', write());
after(async () => {
  if (skip) return;
  await weir.stop();
  await sim.stop();
});

const said: string[] = [];

/** The control API on the operator's socket. */
function api<T>(of: Weir, method: string, path: string, body?: unknown): Promise<{ status: number; json: T; etag: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const rq = request({ socketPath: join(of.dir, 'data/weir.sock'), method, path: `/api/v1${path}`, agent: false, headers }, (answer) => {
      let text = '';
      answer.on('data', (d: Buffer) => (text += d.toString()));
      answer.on('end', () => {
        said.push(text);
        resolve({ status: answer.statusCode ?? 0, json: (text ? JSON.parse(text) : undefined) as T, etag: String(answer.headers.etag ?? '') });
      });
      answer.on('error', reject);
    });
    rq.on('error', reject);
    rq.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

interface Credential {
  id: number | null;
  name: string;
  last4: string | null;
  declared: boolean;
}

async function add(of: Weir, name: string, secret: string, more: object = {}): Promise<number> {
  const made = await api<Credential>(of, 'POST', '/credentials', { provider: 'bare', name, secret, ...more });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  assert.equal(made.json.last4, secret.slice(-4));
  return made.json.id ?? 0;
}

let asked = 0;

/** The credential that the simulator saw with a call, or the error's status and text. */
async function used(of: Weir, model: string, key = KEY): Promise<string> {
  const mark = `question ${String(++asked)} of ${String(process.pid)}`;
  try {
    await openai(of.url, key).chat.completions.create({ model, messages: [{ role: 'user', content: mark }] });
  } catch (e) {
    const failed = e as { status?: number; message?: string };
    said.push(failed.message ?? '');
    return `${String(failed.status)} ${failed.message ?? ''}`;
  }
  return (header(await sim.last(mark), 'authorization') ?? 'none').replace('Bearer ', '');
}

const uses = (of: Weir, model: string, secret: string, key = KEY): Promise<void> =>
  eventually(`${model} is called with ${secret.slice(0, 14)}`, async () => (await used(of, model, key)) === secret, LIMIT_MS);

test('a provider without credentials in the file is called with one of the store', { skip }, async () => {
  assert.match(await used(weir, 'first'), /^401 .*didn't provide an API key/); // it may be a server that wants none
  assert.match(await used(weir, 'named'), /^503 .*no credential "team"/);
  assert.match(await used(weir, 'every'), /^503 .*"bare" has no active credential/);
  const id = await add(weir, 'team', canary('one'));
  await uses(weir, 'first', canary('one'));
  await uses(weir, 'named', canary('one'));
  await uses(weir, 'every', canary('one'));
  const list = await api<{ data: Credential[] }>(weir, 'GET', '/credentials');
  assert.deepEqual(list.json.data.map((c) => [c.id, c.name, c.last4, c.declared]), [[id, 'team', canary('one').slice(-4), false]]);
});

test('one is replaced while calls run, and none fails', { skip }, async () => {
  const list = await api<{ data: Credential[] }>(weir, 'GET', '/credentials');
  const id = list.json.data[0]?.id ?? 0;
  const seen = new Set<string>();
  let running = true;
  const call = async (): Promise<void> => {
    while (running) seen.add(await used(weir, 'named'));
  };
  const callers = [call(), call(), call()];
  for (const n of ['two', 'three', 'four']) {
    assert.equal((await api(weir, 'PATCH', `/credentials/${String(id)}`, { secret: canary(n) })).status, 200);
    await eventually(`calls have ${n}`, () => Promise.resolve(seen.has(canary(n))), LIMIT_MS);
  }
  running = false;
  await Promise.all(callers);
  assert.deepEqual([...seen].sort(), ['one', 'two', 'three', 'four'].map(canary).filter((s) => seen.has(s)).sort());
  await weir.restart();
  assert.equal(await used(weir, 'named'), canary('four'));
});

test('a reload of the file leaves those of the store', { skip }, async () => {
  const before = (await weir.status()).config_generation;
  assert.equal((await weir.command('reload')).code, 0);
  await eventually('the file was read', async () => (await weir.status()).config_generation > before, LIMIT_MS);
  assert.equal(await used(weir, 'named'), canary('four'));
});

test('a workspace has its own, which goes before those for all', { skip }, async () => {
  await add(weir, 'of-lab', canary('lab'), { workspace: 'lab' });
  await add(weir, 'of-shop', canary('shop'), { workspace: 'shop' });
  for (const model of ['first', 'every']) {
    await uses(weir, model, canary('lab'), LAB);
    await uses(weir, model, canary('shop'), SHOP);
    for (let i = 0; i < 5; i++) assert.equal(await used(weir, model), canary('four'));
  }
  assert.equal(await used(weir, 'named', LAB), canary('four'));
  const route = await weir.command('route', 'explain', 'every', '--wire', 'openai_chat', '--workspace', 'lab');
  assert.match(route.out, / 1 .* of-lab /);
  assert.match(route.out, / - .* of-shop .*other_workspace/);
});

test('several are used by their weights, and one that rests is not', { skip }, async () => {
  const id = await add(weir, 'more', canary('more'), { weight: 3 });
  await uses(weir, 'every', canary('more'));
  const seen = new Set<string>();
  await eventually('both are used', async () => seen.add(await used(weir, 'every')) && seen.size === 2, LIMIT_MS);
  assert.deepEqual([...seen].sort(), [canary('four'), canary('more')].sort());
  assert.equal((await api(weir, 'PATCH', `/credentials/${String(id)}`, { active: false })).status, 200);
  await eventually('only one is used', async () => {
    const all = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => used(weir, 'every')));
    return all.every((s) => s === canary('four'));
  }, LIMIT_MS);
});

/** A command that reads its standard input. */
function tell(of: Weir, input: string, ...args: string[]): Promise<{ code: number; out: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.env.WEIR ?? 'build/weir', [...args, '-c', of.file], { stdio: 'pipe' });
    let out = '';
    child.stdout.on('data', (d: Buffer) => (out += d.toString()));
    child.stderr.on('data', (d: Buffer) => (out += d.toString()));
    child.on('close', (code) => {
      said.push(out);
      resolve({ code: code ?? -1, out });
    });
    child.stdin.end(input);
  });
}

test('the command does the same', { skip }, async () => {
  assert.match((await tell(weir, '', 'credential', 'add', 'bare', 'x')).out, /standard input/);
  assert.match((await tell(weir, 'x\n', 'credential', 'add', 'nobody', 'x')).out, /no provider "nobody"/);
  assert.match((await tell(weir, 'x\n', 'credential', 'add', 'bare', 'a b')).out, /letters, digits/);
  assert.match((await tell(weir, 'x\n', 'credential', 'add', 'bare', 'x', '--access-key-id', 'AKIA')).out, /only Bedrock/);
  assert.equal((await tell(weir, `${canary('five')}\n`, 'credential', 'replace', 'bare', 'team')).code, 0);
  await uses(weir, 'named', canary('five'));
  assert.deepEqual(await tell(weir, `${canary('six')}\n`, 'credential', 'add', 'bare', 'typed', '--workspace', 'lab', '--weight', '2'), { code: 0, out: '' });
  assert.match((await tell(weir, `${canary('six')}\n`, 'credential', 'add', 'bare', 'typed')).out, /already/);
  assert.match((await tell(weir, '', 'credential', 'list')).out, /active +api_key +ghij bare typed for lab\n/);
  assert.equal((await tell(weir, '', 'credential', 'remove', 'bare', 'typed')).code, 0);
  assert.match((await tell(weir, '', 'credential', 'remove', 'bare', 'typed')).out, /no credential "typed"/);
});

test('one that is gone is named in the error', { skip }, async () => {
  const list = await api<{ data: Credential[] }>(weir, 'GET', '/credentials');
  for (const c of list.json.data.filter((x) => x.name === 'team' || x.name === 'of-shop'))
    assert.equal((await api(weir, 'DELETE', `/credentials/${String(c.id)}`)).status, 204);
  // Each of the two workers hears of it on its own.
  const isSaid = (model: string, words: RegExp, key?: string): Promise<void> =>
    eventually(`${model}: ${String(words)}`, async () => {
      const all = await Promise.all([1, 2, 3, 4, 5, 6].map(() => used(weir, model, key)));
      return all.every((said) => words.test(said));
    }, LIMIT_MS);
  await isSaid('named', /^503 .*"bare" has no credential "team"/);
  await isSaid('first', /^503 .*"bare" has no active credential for calls of no workspace/);
  await isSaid('every', /^503 .*"bare" has no active credential for the workspace shop/, SHOP);
  await uses(weir, 'first', canary('lab'), LAB);
});

test('a provider and a model that were made by the API are served with one', { skip }, async () => {
  const made = { name: 'made', kind: 'openai', base_url: `${sim.url}/v1` };
  assert.equal((await api(weir, 'POST', '/providers', { config: made })).status, 201);
  await eventually('the provider is there', async () => (await api(weir, 'POST', '/credentials', { provider: 'made', name: 'key', secret: canary('made') })).status === 201, LIMIT_MS);
  const model = { name: 'made', targets: [{ provider: 'made', model: 'sim-text', credential: 'key' }] };
  assert.equal((await api(weir, 'POST', '/models', { config: model })).status, 201);
  await uses(weir, 'made', canary('made'));
});

test('another master key leaves them as they are', { skip }, async () => {
  assert.match((await weir.command('vault', 'rewrap')).out, /sealed secrets are under the new master key/);
  await uses(weir, 'first', canary('lab'), LAB);
  await weir.restart();
  assert.equal(await used(weir, 'first', LAB), canary('lab'));
});

test('no secret is where it does not belong', { skip }, async () => {
  const events = await weir.command('audit', 'list');
  assert.match(events.out, /credential\.rotate/);
  const shown = [
    ...said,
    weir.logs(),
    events.out,
    JSON.stringify(await weir.ledger()),
    await (await fetch(`${weir.url}/metrics`)).text(),
    await (await fetch(`${weir.url}/health`)).text(),
    (await weir.local('GET', '/status')).body,
    (await weir.local('GET', '/api/v1/providers')).body,
    (await weir.local('GET', '/api/v1/audit')).body,
    (await weir.local('GET', '/api/v1/requests')).body,
    (await weir.local('GET', '/breakers')).body,
  ].join('\n');
  assert.equal(shown.includes('sk-canary'), false);
  await weir.stop(false);
  const data = `${weir.dir}/data`;
  let files = 0;
  for (const name of readdirSync(data, { recursive: true }) as string[]) {
    const path = join(data, name);
    if (!statSync(path).isFile()) continue;
    files++;
    assert.equal(readFileSync(path).includes('sk-canary'), false, name);
  }
  assert.ok(files > 2);
  await weir.restart();
});

test('every replica on a database takes it up', { skip }, async (t) => {
  const database = await Database.start();
  if (database.missing) {
    t.skip(database.missing);
    return;
  }
  const master = 'vault: { master_key: "8Ezw2sN8ZS0m0BPuvPVXtUDUAAxhkOKRAT8D1/yfXGg=" }\nserver_key: "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8="';
  const both = write(`store: "${database.url}"\n${master}`);
  const replicas = [await Weir.start(sim, '', both), await Weir.start(sim, '', both)];
  try {
    const [one, two] = replicas as [Weir, Weir];
    const id = await add(one, 'team', canary('shared'));
    for (const r of replicas) await uses(r, 'named', canary('shared'));
    assert.equal((await api(two, 'PATCH', `/credentials/${String(id)}`, { secret: canary('again') })).status, 200);
    for (const r of replicas) await uses(r, 'named', canary('again'));
    assert.equal((await api(one, 'DELETE', `/credentials/${String(id)}`)).status, 204);
    for (const r of replicas) await eventually('it is gone', async () => (await used(r, 'named')).startsWith('503'), LIMIT_MS);
  } finally {
    for (const r of replicas) await r.stop();
    await database.stop();
  }
});
