// Providers, models, prices and policies made through the control API: two replicas on one PostgreSQL take a change up from whichever was
// asked, a change that would break is refused and changes nothing, and all is there again after a restart.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { createServer, request } from 'node:http';
import { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Database } from './database.js';
import { type LedgerRow, Sim, Weir, eventually, needsWeir, openai } from './harness.js';

const DEADLINE_MS = 20000;
const database = needsWeir ? undefined : await Database.start();
const skip = needsWeir || database?.missing || false;
const sim = skip ? (undefined as unknown as Sim) : await Sim.start();
const weirs: Weir[] = [];
/** A local server without keys, as people run for open models. */
const local = createServer((rq, answer) => {
  rq.resume().on('end', () => {
    answer.setHeader('content-type', 'application/json');
    const usage = { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 };
    const choices = [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }];
    answer.end(JSON.stringify({ id: 'x', object: 'chat.completion', created: 1, model: 'sim-text', choices, usage }));
  });
});
await new Promise<void>((resolve) => local.listen(0, '127.0.0.1', resolve));
const localUrl = `http://127.0.0.1:${(local.address() as AddressInfo).port}/v1`;
after(async () => {
  for (const weir of weirs) await weir.stop();
  if (!skip) await sim.stop();
  local.closeAllConnections();
  local.close();
  await database?.stop();
});

const KEY = 'wk-routing-api-test-key';
const config = (url: string) => (_: Sim, dir: string): string => `listen: 127.0.0.1:0
data_dir: ${dir}/data
store: "${url}"
server_key: "${'0a'.repeat(32)}"
vault: { master_key: "${createHash('sha256').update('routing-api').digest('hex')}" }
workers: 1
retry: { attempts: 0 }
providers:
  - { name: declared, kind: openai, base_url: "${sim.url}/v1", credentials: [ { name: main, api_key: sk-declared } ] }
models:
  - { name: declared, targets: [ { provider: declared, model: sim-text } ] }
keys:
  - { name: all, value: ${KEY} }
`;

interface Entry {
  id: number;
  source: string;
  name: string;
  version: number;
  in_force: boolean;
  shadowed: boolean;
  problem: string | null;
  price_version?: number | null;
}
interface Answer<T> {
  status: number;
  etag: string;
  json: T;
}

/** Over the operator's socket of one replica. */
function call<T = Entry>(weir: Weir, method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<Answer<T>> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? more : { 'content-type': 'application/json', ...more };
    const rq = request({ socketPath: join(weir.dir, 'data/weir.sock'), method, path: `/api/v1/${path}`, agent: false, headers }, (answer) => {
      let text = '';
      answer.on('data', (d: Buffer) => (text += d.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, etag: String(answer.headers.etag), json: (text ? JSON.parse(text) : undefined) as T }));
      answer.on('error', reject);
    });
    rq.on('error', reject);
    rq.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function make(weir: Weir, list: string, body: object): Promise<Entry> {
  const made = await call(weir, 'POST', list, { config: body });
  assert.equal(made.status, 201, JSON.stringify(made.json));
  return made.json;
}

const say = (weir: Weir, model: string): Promise<number> =>
  openai(weir.url, KEY)
    .chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }] })
    .then(() => 200)
    .catch((e: { status: number }) => e.status);

test('an entry made on one replica is routed by on the other, changed, and gone', { skip }, async () => {
  const url = database?.url ?? '';
  const one = await Weir.start(sim, '', config(url));
  weirs.push(one);
  const two = await Weir.start(sim, '', config(url));
  weirs.push(two);
  assert.equal(await say(two, 'made'), 404);

  const provider = await make(one, 'providers', { name: 'made', kind: 'openai', base_url: localUrl });
  const model = await make(one, 'models', { name: 'made', targets: [{ provider: 'made', model: 'sim-text' }] });
  const price = await make(one, 'prices', { provider: 'made', model: '*', input: 1, output: 2 });
  await eventually('the other replica routes by it', async () => (await say(two, 'made')) === 200, DEADLINE_MS);
  await eventually('it is shown as in force there', async () => (await call(two, 'GET', `prices/${price.id}`)).json.in_force, DEADLINE_MS);
  assert.equal(await say(two, 'made'), 200);
  const mine = (r: LedgerRow): boolean => r.provider === 'made';
  const first = (await two.ledgerOf(2, mine)).at(0) as LedgerRow & { price_version: number };
  const version = (await call(two, 'GET', `prices/${price.id}`)).json.price_version;

  // Where a request would go, asked over the API and by the command, with what is stored and what has failed.
  interface Plan {
    entry: string;
    policy: string | null;
    targets: { order: number | null; verdict: string; provider: string; breaker: string | null; failures: number }[];
  }
  const asked = { model: 'made', wire: 'openai_chat' };
  const plan = await call<Plan>(two, 'POST', 'routing/simulate', asked);
  assert.equal(plan.status, 200, JSON.stringify(plan.json));
  assert.deepEqual([plan.json.entry, plan.json.policy], ['made', null]);
  assert.deepEqual(plan.json.targets.map((t) => [t.order, t.verdict, t.provider, t.breaker]), [[1, 'tried', 'made', 'closed']]);
  assert.equal((await two.command('breaker', 'open', 'made', '--reason', 'a test')).code, 0);
  const held = (await call<Plan>(two, 'POST', 'routing/simulate', asked)).json.targets[0];
  assert.deepEqual([held?.order, held?.verdict, held?.breaker], [null, 'breaker_forced', 'open']);
  const told = await two.command('route', 'explain', 'made', '--wire', 'openai_chat');
  assert.match(told.out, /as the running weir would now\n +- +made .*breaker open .*the operator keeps requests from it/);
  assert.equal((await two.command('breaker', 'auto', 'made')).code, 0);
  assert.equal((await call(two, 'POST', 'routing/simulate', { model: 'nobody-has-it' })).status, 422);

  const dearer = await call(two, 'PATCH', `prices/${price.id}`, { config: { output: '200' } });
  assert.equal(dearer.status, 200);
  await eventually('the first replica has the new price', async () => (await call(one, 'GET', `prices/${price.id}`)).json.in_force, DEADLINE_MS);
  assert.notEqual((await call(one, 'GET', `prices/${price.id}`)).json.price_version, version);
  assert.equal(await say(one, 'made'), 200);
  await eventually('a call costs by it', async () => (await one.ledger(mine)).some((r) => Number(r.cost_nano) > 10 * Number(first.cost_nano)), DEADLINE_MS);

  // What would break is refused, and nothing has changed.
  const broken = await call<{ errors: { pointer: string; detail: string }[] }>(one, 'PATCH', `models/${model.id}`, { config: { targets: [{ provider: 'nobody', model: 'x' }] } });
  assert.deepEqual([broken.status, broken.json.errors.map((e) => e.pointer)], [422, ['/config/targets/0/provider']]);
  assert.equal((await call(one, 'DELETE', `providers/${provider.id}`)).status, 409);
  assert.equal((await call(one, 'POST', 'models', { config: { name: 'declared', targets: [{ provider: 'made', model: 'x' }] } })).status, 409);
  assert.equal((await call(one, 'POST', 'providers', { config: { name: 'x', kind: 'openai', credentials: [{ name: 'k', api_key: 'secret' }] } })).status, 422);
  assert.equal((await call(one, 'GET', `models/${model.id}`)).json.version, 1);
  assert.equal(await say(one, 'made'), 200);

  await one.restart();
  assert.equal(await say(one, 'made'), 200);
  assert.equal(await say(one, 'declared'), 200);

  assert.equal((await call(one, 'DELETE', `models/${model.id}`, undefined, { 'if-match': '"7"' })).status, 412);
  assert.equal((await call(one, 'DELETE', `models/${model.id}`, undefined, { 'if-match': '"1"' })).status, 204);
  await eventually('the other replica has it no more', async () => (await say(two, 'made')) === 404, DEADLINE_MS);
  assert.equal((await call(one, 'DELETE', `prices/${price.id}`)).status, 204);
  assert.equal((await call(one, 'DELETE', `providers/${provider.id}`)).status, 204);
  assert.equal(await say(two, 'declared'), 200);
});

test('a file that takes away what a stored entry needs leaves it out, and says so', { skip }, async () => {
  const one = weirs[0];
  assert.ok(one);
  const other = 'other, kind: openai';
  one.configure((t) => t.replace('models:\n', `  - { name: ${other}, base_url: "${localUrl}" }\nmodels:\n`));
  await one.command('reload');
  const isThere = async (): Promise<boolean> => (await call(one, 'GET', 'providers/other')).status === 200;
  await eventually('the file is read', isThere, DEADLINE_MS);
  const model = await make(one, 'models', { name: 'leaning', targets: [{ provider: 'other', model: 'sim-text' }] });
  const provider = await make(one, 'providers', { name: 'hidden', kind: 'openai', base_url: localUrl });
  await eventually('it is in force', async () => (await say(one, 'leaning')) === 200, DEADLINE_MS);

  one.configure((t) => t.replace(other, 'hidden, kind: openai'));
  await one.command('reload');
  await eventually('it is left out', async () => (await call(one, 'GET', `models/${model.id}`)).json.problem !== null, DEADLINE_MS);
  assert.match(String((await call(one, 'GET', `models/${model.id}`)).json.problem), /names the provider `other`, which is not declared/);
  assert.equal((await call(one, 'GET', `providers/${provider.id}`)).json.shadowed, true);
  assert.deepEqual([await say(one, 'leaning'), await say(one, 'declared')], [404, 200]);
  assert.match(one.logs(), /stored_entry_left_out/);
  await one.restart();
  assert.deepEqual([await say(one, 'leaning'), await say(one, 'declared')], [404, 200]);
  assert.equal((await call(one, 'DELETE', `models/${model.id}`)).status, 204);
});
