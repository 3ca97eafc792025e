// Routing changed by SIGHUP while clients call without a pause: each change takes effect without a restart, no call fails for it, and
// what needs a restart is said in the log.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { KEY, eventually, needsWeir } from './harness.js';
import { becomesIdle, breakers, callersOf, echo, expectWhole, explain, metrics, model, orderOf, provider, reload, startPair, type Callers, type Heard, type Pair } from './routing.js';

const skip = needsWeir;
const claude = (behaviour: string): string => `us.anthropic.sim-${behaviour}-v1:0`;

function config(a: string, b: string): string {
  return `breaker: { failures: 50, window: 60s, open: 1800s }
retry: { attempts: 0 }
queue: { size: 8, wait: 5s }
limits: { requests: 1000, streams: 1000 }
timeouts: { first_byte: 5s, drain: 10s }
providers:
${provider('a', 'anthropic', a)}
${provider('b', 'bedrock', b)}
${provider('tried', 'anthropic', a)}
models:
${model('steady', ['a sim-text', `b ${claude('text')}`])}
${model('moved', ['a sim-text'])}
${model('fails', ['tried sim-fail-500'])}
${model('one-place', ['a sim-slow-300 concurrency: 1'])}
${model('raced', ['a sim-slow-700', `b ${claude('text')}`], 'hedge: { enabled: false, delay: 100ms }')}
prices:
  - { provider: a, model: "*", input: 3.00, output: 15.00 }
policies:
  - { name: mine, first: [bedrock] }
keys:
  - { name: all, value: "${KEY}", workspace: lab }
assignments:
  - { user: nobody, policy: mine }
`;
}

/** Clients that call without a pause, plain and streamed, until they are stopped. */
class Load {
  private on = true;
  private calls = 0;
  private wrong: string[] = [];
  private running: Promise<void>[];
  constructor(callers: Callers) {
    this.running = callers.all.flatMap((caller) => [false, true].map((stream) => this.loop(caller, stream)));
  }
  private async loop(caller: Callers['anthropic'], stream: boolean): Promise<void> {
    while (this.on) {
      const prompt = `call ${++this.calls}`;
      const heard = await caller.call('steady', prompt, { stream });
      if (heard.error || heard.text !== echo(prompt) || !heard.ended) this.wrong.push(`${caller.name}: ${JSON.stringify(heard)}`);
    }
  }
  async stop(): Promise<number> {
    this.on = false;
    await Promise.all(this.running);
    assert.deepEqual(this.wrong.slice(0, 3), []);
    return this.calls;
  }
}

let world: Pair;
let callers: Callers;
let load: Load;
if (!skip) {
  world = await startPair(config);
  callers = callersOf(world.weir.url, KEY);
  load = new Load(callers);
  after(async () => {
    callers.destroy();
    await becomesIdle(world.weir.url);
    await world.stop();
  });
}
const change = (from: string, to: string): Promise<void> => reload(world.weir, (text) => text.replace(from, to));
/** Every worker has taken the configuration: a call that says so may still meet the other one. */
const isSo = (what: string, holds: () => Promise<boolean>): Promise<void> => eventually(what, holds);
const served = async (name: string): Promise<string[]> => {
  const heads = await Promise.all(
    Array.from({ length: 8 }, () =>
      fetch(`${world.weir.url}/v1/messages`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': KEY, connection: 'close' },
        body: JSON.stringify({ model: name, max_tokens: 10, messages: [{ role: 'user', content: 'x' }] }),
      }).then(async (answer) => {
        await answer.text();
        return answer.headers.get('x-weir-provider') ?? String(answer.status);
      }),
    ),
  );
  return [...new Set(heads)];
};

test('targets: a model moves to another provider, and back', { skip }, async () => {
  assert.deepEqual(await served('moved'), ['a']);
  const [one, other] = [model('moved', ['a sim-text']), model('moved', [`b ${claude('text')}`, 'a sim-text'])];
  await change(one, other);
  await isSo('it has moved', async () => (await served('moved')).join() === 'b');
  assert.deepEqual(orderOf(await explain(world.weir, 'moved')), ['b', 'a']);
  await change(other, one);
  await isSo('it is back', async () => (await served('moved')).join() === 'a');
});

test('policies and who is under them', { skip }, async () => {
  await change('{ user: nobody, policy: mine }', '{ workspace: lab, policy: mine }');
  await isSo('the policy is in force', async () => (await served('steady')).join() === 'b');
  await change('first: [bedrock]', 'only: [anthropic]');
  await isSo('it says something else', async () => (await served('steady')).join() === 'a');
  await change('{ workspace: lab, policy: mine }', '{ user: nobody, policy: mine }');
});

test('the breaker\'s rule: the next failure counts by the new one, an open one closes sooner', { skip }, async () => {
  const fail = async (): Promise<void> => void (await callers.anthropic.call('fails', 'x'));
  for (let i = 0; i < 5; i++) await fail();
  const state = async (): Promise<string> => (await breakers(world.weir)).find((r) => r.provider === 'tried')?.state ?? 'none';
  assert.equal(await state(), 'closed');
  await change('failures: 50', 'failures: 4');
  await isSo('the sixth failure opens it', async () => {
    await fail();
    return (await state()) === 'open';
  });
  await change('open: 1800s', 'open: 1ms');
  await isSo('it may be tried', async () => (await state()) === 'half_open');
  await change('open: 1ms', 'open: 1800s');
});

test('retry: another round where there was none', { skip }, async () => {
  await breakers(world.weir, 'close', 'tried');
  const attempts = async (): Promise<number> => {
    await world.a.reset();
    await callers.openai.call('fails', 'how often');
    return (await world.a.stats()).recent.filter((r) => r.body.includes('how often')).length;
  };
  assert.equal(await attempts(), 1);
  await change('retry: { attempts: 0 }', 'retry: { attempts: 2, base: 1ms, budget_floor: 1000 }');
  await isSo('it is tried again', async () => (await attempts()) === 3);
  await change('retry: { attempts: 2, base: 1ms, budget_floor: 1000 }', 'retry: { attempts: 0, budget_floor: 1000 }');
  await breakers(world.weir, 'auto', 'tried');
});

test('queue and concurrency: longer, shorter, none', { skip }, async () => {
  const three = (): Promise<Heard[]> => Promise.all([1, 2, 3].map(() => callers.anthropic.call('one-place', 'x')));
  const refused = (all: Heard[]): number => all.filter((h) => h.error?.status === 529).length;
  assert.equal(refused(await three()), 0);
  await change('queue: { size: 8, wait: 5s }', 'queue: { size: 0 }');
  await isSo('nobody waits', async () => refused(await three()) === 2);
  await change('concurrency: 1', 'concurrency: 3');
  await isSo('there are three places', async () => refused(await three()) === 0);
  await change('queue: { size: 0 }', 'queue: { size: 8, wait: 5s }');
});

test('hedge: turned on', { skip }, async () => {
  const races = async (): Promise<number> => (await metrics(world.weir.url)).get('weir_hedges_total') ?? -1;
  expectWhole(await callers.bedrock.call('raced', 'alone', { stream: true }), echo('alone'));
  assert.equal(await races(), 0);
  await change('enabled: false', 'enabled: true');
  await isSo('it is raced', async () => {
    expectWhole(await callers.bedrock.call('raced', 'raced', { stream: true }), echo('raced'));
    return (await races()) > 0;
  });
});

test('limits.streams and limits.requests: from the next call on', { skip }, async () => {
  const calls = await load.stop();
  assert.ok(calls > 100, `${calls} calls`);
  const refusal = async (stream: boolean): Promise<string> => (await callers.openai.call('moved', 'x', { stream })).error?.message ?? '';
  let pieces = 0;
  const abort = new AbortController();
  await change(model('moved', ['a sim-text']), model('moved', ['a sim-long-400+drip-20']));
  await change('limits: { requests: 1000, streams: 1000 }', 'limits: { requests: 1000, streams: 1 }');
  const running = callers.anthropic.call('moved', 'x', { stream: true, signal: abort.signal, onText: () => pieces++ });
  await eventually('a stream runs', async () => pieces > 0);
  await isSo('a second one is too many', async () => /too many answers are being streamed/.test(await refusal(true)));
  await change('limits: { requests: 1000, streams: 1 }', 'limits: { requests: 1, streams: 1000 }');
  await isSo('a second call is too many', async () => /too many requests are being served/.test(await refusal(false)));
  await change('limits: { requests: 1, streams: 1000 }', 'limits: { requests: 1000, streams: 1000 }');
  await isSo('there is room again', async () => (await callers.anthropic.call('steady', 'room')).error === undefined);
  abort.abort();
  assert.equal((await running).ended, false);
});

test('telemetry.metrics: off and on', { skip }, async () => {
  const status = async (): Promise<number> => (await fetch(`${world.weir.url}/metrics`)).status;
  await reload(world.weir, (text) => `${text}telemetry: { metrics: false }\n`);
  assert.equal(await status(), 404);
  await change('metrics: false', 'metrics: true');
  assert.equal(await status(), 200);
});

test('what needs a restart is said in the log, once, by its names, and the rest takes effect', { skip }, async () => {
  const before = world.weir.logs().length;
  await reload(world.weir, (text) => text.replace('workers: 2', 'workers: 3').replace('data_dir:', 'affinity: { entries: 100 }\ndata_dir:').replace(model('moved', ['a sim-long-400+drip-20']), model('moved', [`b ${claude('text')}`])));
  const lines = world.weir.logs().slice(before).split('\n').filter((l) => l.includes('config_needs_restart'));
  assert.equal(lines.length, 1);
  const line = JSON.parse(lines[0] ?? '{}') as { level: string; keys: string };
  assert.equal(line.level, 'warn');
  assert.deepEqual(line.keys.split(/[ ,]+/).sort(), ['affinity.entries', 'workers']);
  await isSo('the rest is in force', async () => (await served('moved')).join() === 'b');
});

test('a provider that is taken away under load: calls that are there end, new ones go elsewhere', { skip }, async () => {
  let pieces = 0;
  await change(model('moved', [`b ${claude('text')}`]), model('moved', ['tried sim-long-40+drip-20']));
  await isSo('it is asked', async () => (await explain(world.weir, 'moved')).targets[0]?.provider === 'tried');
  const running = callers.all.map((c) => c.call('moved', 'goes on', { stream: true, onText: () => pieces++ }));
  await eventually('all run', async () => pieces > 6);
  await reload(world.weir, (text) =>
    text
      .split('\n')
      .filter((l) => !/name: tried|name: "fails"/.test(l))
      .join('\n')
      .replace(model('moved', ['tried sim-long-40+drip-20']), model('moved', [`b ${claude('text')}`])),
  );
  await isSo('new calls go elsewhere', async () => (await served('moved')).join() === 'b');
  for (const heard of await Promise.all(running)) assert.deepEqual([heard.error, heard.ended], [undefined, true]);
  const told = await world.weir.command('breaker', 'open', 'tried');
  assert.equal(told.code, 1);
  assert.match(told.out, /there is no provider "tried"/);
});
