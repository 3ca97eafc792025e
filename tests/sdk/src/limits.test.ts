// Limits that keys share: of a workspace, a user, a model, and of each one that has none of its own; in every client's own form, changed
// through the control API of one replica and obeyed by another, free of charge when they refuse, and held over an upgrade.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { join } from 'node:path';
import { Database } from './database.js';
import { Sim, Weir, eventually, needsWeir } from './harness.js';
import { becomesIdle, callersOf, model, provider, type Callers, type Heard } from './routing.js';

const DEADLINE_MS = 20000;
const database = needsWeir ? undefined : await Database.start();
const skip = needsWeir || database?.missing || false;
const sim = skip ? (undefined as unknown as Sim) : await Sim.start();
const weirs: Weir[] = [];
const opened: Callers[] = [];
after(async () => {
  opened.forEach((c) => c.destroy());
  for (const weir of weirs) await weir.stop();
  if (!skip) await sim.stop();
  await database?.stop();
});

const keyOf = (name: string): string => `wk-limits-test-${name}`;
/** The name of a key, and its user, workspace and own limits. */
const keys: [string, string][] = [
  ['lab-one', 'workspace: lab'],
  ['lab-two', 'workspace: lab'],
  ['shed', 'workspace: shed'],
  ['yard', 'workspace: yard'],
  ['ada-one', 'user: ada'],
  ['ada-two', 'user: ada, workspace: open'],
  ['eve', 'user: eve'],
  ['narrow-one', 'workspace: narrow, rpm: 2'],
  ['narrow-two', 'workspace: narrow'],
  ['plain', 'workspace: open'],
  ...['anthropic', 'openai', 'bedrock'].map((c): [string, string] => [`of-${c}`, `user: ${c}`]),
];
// A minute of one token: the first call passes and uses up many minutes, so that every later one is refused however slow the machine is.
const config = (store: string) => (_: Sim, dir: string): string => `listen: 127.0.0.1:0
data_dir: ${dir}/data
store: "${store}"
server_key: "${'0b'.repeat(32)}"
vault: { master_key: "${createHash('sha256').update('limits').digest('hex')}" }
workers: 2
retry: { attempts: 0 }
providers:
${provider('p', 'openai', sim.url)}
models:
${model('m', ['p sim-text'])}
${model('metered-*', ['p sim-text'])}
${model('long', ['p sim-long-400+drip-15'])}
keys:
${keys.map(([name, more]) => `  - { name: ${name}, value: ${keyOf(name)}, ${more} }`).join('\n')}
rate_limits:
  - { workspace: lab, tpm: 1 }
  - { workspace: "*", tpm: 1 }
  - { workspace: open, concurrency: 1000 }
  - { workspace: narrow, concurrency: 1 }
  - { user: ada, tpm: 1 }
${['anthropic', 'openai', 'bedrock'].map((u) => `  - { user: ${u}, tpm: 1 }`).join('\n')}
  - { model: "metered-*", tpm: 1 }
`;

const made = async (weir: Weir): Promise<Callers> => {
  const callers = callersOf(weir.url, keyOf('plain'));
  opened.push(callers);
  return callers;
};
let one: Weir, two: Weir, atOne: Callers, atTwo: Callers;
if (!skip) {
  one = await Weir.start(sim, '', config(database?.url ?? ''));
  weirs.push(one);
  two = await Weir.start(sim, '', config(database?.url ?? ''));
  weirs.push(two);
  atOne = await made(one);
  atTwo = await made(two);
}

const say = (callers: Callers, key: string, name = 'm'): Promise<Heard> => callers.openai.call(name, 'hello', { key: keyOf(key) });
function expectRefused(heard: Heard, by: string): void {
  assert.equal(heard.error?.status, 429, JSON.stringify(heard));
  assert.ok(heard.error.message.includes(by), `"${heard.error.message}" does not name ${by}`);
}
const expectGood = (heard: Heard): void => assert.ok(!heard.error && heard.ended, JSON.stringify(heard));

test('two keys of one workspace share its limit, a key of another one does not', { skip }, async () => {
  expectGood(await say(atOne, 'lab-one'));
  expectRefused(await say(atOne, 'lab-two'), 'the workspace "lab" is limited to 1 tokens a minute');
  expectRefused(await say(atOne, 'lab-one'), 'the workspace "lab" is limited to 1 tokens a minute');
  for (let i = 0; i < 3; i++) expectGood(await say(atOne, 'plain'));
});

test('a default is for each workspace by itself', { skip }, async () => {
  for (const name of ['shed', 'yard']) {
    expectGood(await say(atOne, name));
    expectRefused(await say(atOne, name), `the workspace "${name}" is limited to 1 tokens a minute`);
  }
});

test('keys of one user share theirs, in whatever workspace', { skip }, async () => {
  expectGood(await say(atOne, 'ada-two'));
  expectRefused(await say(atOne, 'ada-one'), 'the user "ada" is limited to 1 tokens a minute');
});

test('a model has its limit whoever asks, and a pattern one for all it matches', { skip }, async () => {
  expectGood(await say(atOne, 'plain', 'metered-a'));
  expectRefused(await say(atOne, 'eve', 'metered-b'), 'the model "metered-*" is limited to 1 tokens a minute');
  expectGood(await say(atOne, 'eve'));
});

test('every client is told in its own form, with the wait', { skip }, async () => {
  const names: Record<string, string> = { anthropic: 'RateLimitError', openai: 'RateLimitError', bedrock: 'ThrottlingException' };
  for (const stream of [false, true]) {
    for (const caller of atOne.all) {
      const key = keyOf(`of-${caller.name}`);
      if (!stream) expectGood(await caller.call('m', 'first', { key }));
      const { error } = await caller.call('m', 'second', { key, stream });
      assert.deepEqual([error?.name, error?.status], [names[caller.name], 429], JSON.stringify(error));
      assert.ok(Number(error?.retryAfter) > 0, JSON.stringify(error));
      assert.match(error?.message ?? '', new RegExp(`the user \\\\?"${caller.name}\\\\?" is limited to 1 tokens a minute`));
    }
  }
});

/** A stream that has begun, and how to end it. */
async function hold(callers: Callers, key: string): Promise<() => Promise<void>> {
  const leave = new AbortController();
  let began = (): void => undefined;
  const first = new Promise<void>((resolve) => (began = resolve));
  const heard = callers.anthropic.call('long', 'hold on', { key: keyOf(key), stream: true, signal: leave.signal, onPiece: () => began() });
  await Promise.race([first, heard.then((h) => assert.fail(`it has ended: ${JSON.stringify(h)}`))]);
  return async () => {
    leave.abort();
    await heard;
  };
}

test('a refusal by what is shared costs the key nothing, and who leaves gives the place back', { skip }, async () => {
  const leave = await hold(atOne, 'narrow-two');
  for (let i = 0; i < 8; i++) expectRefused(await say(atOne, 'narrow-one'), 'the workspace "narrow" is limited to 1 calls at once');
  await leave();
  await becomesIdle(one.url);
  for (let i = 0; i < 2; i++) expectGood(await say(atOne, 'narrow-one')); // both of the key's two are still there
  await becomesIdle(one.url);
});

interface Answer {
  status: number;
  json: { id: number; in_force: boolean };
}
function call(weir: Weir, method: string, path: string, body?: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const rq = request({ socketPath: join(weir.dir, 'data/weir.sock'), method, path: `/api/v1/${path}`, agent: false, headers }, (answer) => {
      let text = '';
      answer.on('data', (d: Buffer) => (text += d.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, json: (text ? JSON.parse(text) : {}) as Answer['json'] }));
      answer.on('error', reject);
    });
    rq.on('error', reject);
    rq.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

test('a limit made, changed and removed on one replica is obeyed by the other', { skip }, async () => {
  const status = async (): Promise<number> => (await say(atTwo, 'eve')).error?.status ?? 200;
  assert.deepEqual([await status(), await status()], [200, 200]);
  const limit = await call(one, 'POST', 'limits', { config: { user: 'eve', tpm: 1 } });
  assert.equal(limit.status, 201, JSON.stringify(limit.json));
  await eventually('the other replica refuses', async () => (await status()) === 429, DEADLINE_MS);
  expectRefused(await say(atTwo, 'eve'), 'the user "eve"');
  assert.equal((await call(two, 'PATCH', `limits/${limit.json.id}`, { config: { tpm: null, concurrency: 1 } })).status, 200);
  await eventually('there and here by the change', async () => (await status()) === 200 && !(await say(atOne, 'eve')).error, DEADLINE_MS);
  await eventually('it is shown as in force', async () => (await call(one, 'GET', `limits/${limit.json.id}`)).json.in_force, DEADLINE_MS);
  const leave = await hold(atOne, 'eve');
  expectRefused(await say(atOne, 'eve'), 'the user "eve" is limited to 1 calls at once');
  assert.equal(await status(), 200); // each replica counts by itself
  assert.equal((await call(one, 'DELETE', `limits/${limit.json.id}`)).status, 204);
  await eventually('it is gone', async () => !(await say(atOne, 'eve')).error, DEADLINE_MS);
  await leave();
  for (const weir of [one, two]) await becomesIdle(weir.url);
});

test('calls at once are counted over an upgrade, while the old process finishes them', { skip }, async () => {
  const leave = await hold(atOne, 'narrow-two');
  const { code, out } = await one.upgrade();
  assert.equal(code, 0, `${out}\n${one.logs().slice(-3000)}`);
  const fresh = await made(one);
  expectRefused(await say(fresh, 'narrow-two'), 'the workspace "narrow" is limited to 1 calls at once');
  expectRefused(await say(fresh, 'lab-one'), 'the workspace "lab" is limited to 1 tokens a minute');
  await leave();
  await eventually('the place is given back', async () => !(await say(fresh, 'narrow-two')).error, DEADLINE_MS);
});

test('the route simulator says which limits a call is under', { skip }, async () => {
  const { code, out } = await two.command('route', 'explain', 'metered-a', '--key', 'narrow-one', '--wire', 'openai_chat');
  assert.equal(code, 0, out);
  assert.match(out, /limit of the workspace narrow: 1 calls at once\n/);
  assert.match(out, /limit of the model metered-\*: 1 tokens a minute\n/);
});
