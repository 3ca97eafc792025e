// Circuit breakers as an operator sees them: opened by what fails, plain or streamed, closed by one call that is let through, set by
// hand while calls run. Half of the tests are named after the faults of the systems that did this before.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { KEY, eventually, needsWeir } from './harness.js';
import { becomesIdle, breakers, callersOf, echo, expectCut, expectWhole, metrics, model, provider, startPair, type BreakerRow, type Callers, type Heard, type Pair } from './routing.js';

const skip = needsWeir;

/** One provider a test, so that no test finds a breaker as another has left it. */
const names = ['streams', 'cuts', 'half', 'again', 'clears', 'mistakes', 'used', 'probe', 'rests', 'forced', 'kept', 'told'] as const;
type Name = (typeof names)[number];
const behaviours = ['text', 'fail-500', 'fail-400', 'fail-429', 'usage-limit', 'reset-after-3+drip-40', 'slow-400', 'long-40+drip-15'];

function config(open: string): (a: string, b: string) => string {
  return (a, b) => `breaker: { failures: 3, window: 60s, open: ${open}, probe: 10s }
retry: { attempts: 0 }
timeouts: { first_byte: 5s, drain: 10s }
providers:
${names.map((n) => provider(n, 'anthropic', a)).join('\n')}
${provider('other', 'bedrock', b)}
models:
${names.flatMap((n) => behaviours.map((x) => model(`${n} ${x}`, [`${n} sim-${x}`]))).join('\n')}
${names.flatMap((n) => behaviours.map((x) => model(`${n} ${x} or other`, [`${n} sim-${x}`, 'other us.anthropic.sim-text-v1:0']))).join('\n')}
keys:
  - { name: all, value: "${KEY}" }
`;
}

/** Breakers that are soon let through again, and breakers that rest for half an hour. */
let quick: Pair;
let slow: Pair;
let callers: { quick: Callers; slow: Callers };
if (!skip) {
  [quick, slow] = await Promise.all([startPair(config('600ms')), startPair(config('1800s'))]);
  callers = { quick: callersOf(quick.weir.url, KEY), slow: callersOf(slow.weir.url, KEY) };
  after(async () => {
    callers.quick.destroy();
    callers.slow.destroy();
    for (const world of [quick, slow]) {
      await becomesIdle(world.weir.url);
      await world.stop();
    }
  });
}

async function breakerOf(world: Pair, name: Name): Promise<BreakerRow> {
  const row = (await breakers(world.weir)).find((r) => r.provider === name);
  assert.ok(row, `no breaker of ${name}`);
  return row;
}
const becomes = (world: Pair, name: Name, state: string): Promise<void> =>
  eventually(`the breaker of ${name} is ${state}`, async () => (await breakerOf(world, name)).state === state);
/** Fails so often, by any of the clients in turn. */
async function fail(by: Callers, name: Name, times: number, behaviour = 'fail-500', stream = false): Promise<void> {
  for (let i = 0; i < times; i++) {
    const caller = by.all[i % by.all.length];
    const heard = await caller?.call(`${name} ${behaviour}`, 'fail', { stream });
    assert.ok(heard?.error && heard.error.status !== 503, JSON.stringify(heard));
  }
}
function expectResting(heard: Heard, seconds: [from: number, to: number]): void {
  assert.equal(heard.error?.status, 503, JSON.stringify(heard));
  const after = Number(heard.error.retryAfter);
  assert.ok(after >= seconds[0] && after <= seconds[1], `retry-after ${heard.error.retryAfter}`);
}

test('fault a: streams that fail open the breaker, and streams heed it', { skip }, async () => {
  await fail(callers.slow, 'streams', 3, 'fail-500', true);
  assert.equal((await breakerOf(slow, 'streams')).state, 'open');
  await slow.a.reset();
  for (const caller of callers.slow.all) {
    expectResting(await caller.call('streams text', 'x', { stream: true }), [1790, 1800]);
    expectWhole(await caller.call('streams text or other', 'elsewhere', { stream: true }), echo('elsewhere'));
  }
  assert.equal((await slow.a.stats()).requests, 0);
});

test('fault a: a stream that breaks after its first bytes counts as well', { skip }, async () => {
  for (const caller of callers.slow.all) expectCut(await caller.call('cuts reset-after-3+drip-40', 'long enough', { stream: true }), echo('long enough'));
  const row = await breakerOf(slow, 'cuts');
  assert.deepEqual([row.state, row.reason, row.failures, row.times_opened], ['open', 'network_error', 3, 1]);
});

test('fault b: a breaker that is half open lets exactly one call through', { skip }, async () => {
  await fail(callers.quick, 'half', 3);
  await becomes(quick, 'half', 'half_open');
  await quick.a.reset();
  const heard = await Promise.all(
    Array.from({ length: 5 }, () => callers.quick.all.map((c) => c.call('half slow-400 or other', 'who is the one'))).flat(),
  );
  for (const h of heard) expectWhole(h, echo('who is the one'));
  assert.equal((await quick.a.stats()).requests, 1);
  const row = await breakerOf(quick, 'half');
  assert.deepEqual([row.state, row.times_opened], ['closed', 1]);
});

test('fault b: one failure while half open opens it again, for the full time', { skip }, async () => {
  await fail(callers.quick, 'again', 3);
  await becomes(quick, 'again', 'half_open');
  await fail(callers.quick, 'again', 1);
  const row = await breakerOf(quick, 'again');
  assert.deepEqual([row.state, row.times_opened, row.failures], ['open', 2, 4]);
  assert.ok((row.retry_in_ms ?? 0) > 0 && (row.retry_in_ms ?? 0) <= 600, JSON.stringify(row));
  expectResting(await callers.quick.anthropic.call('again text', 'x'), [1, 1]);
  await becomes(quick, 'again', 'half_open');
  expectWhole(await callers.quick.openai.call('again text', 'well again'), echo('well again'));
  assert.equal((await breakerOf(quick, 'again')).state, 'closed');
});

test('fault c: a success clears the count', { skip }, async () => {
  for (let i = 0; i < 3; i++) {
    await fail(callers.slow, 'clears', 2, 'fail-500', i === 1);
    assert.equal((await breakerOf(slow, 'clears')).failures_in_window, 2);
    for (const stream of [false, true]) expectWhole(await callers.slow.bedrock.call('clears text', 'between', { stream }), echo('between'));
  }
  const row = await breakerOf(slow, 'clears');
  assert.deepEqual([row.state, row.failures, row.successes, row.failures_in_window, row.times_opened], ['closed', 6, 6, 0, 0]);
});

test('callers\' mistakes and used-up plans open nothing; rate limits do', { skip }, async () => {
  await fail(callers.slow, 'mistakes', 5, 'fail-400');
  assert.deepEqual([(await breakerOf(slow, 'mistakes')).state, (await breakerOf(slow, 'mistakes')).failures], ['closed', 0]);
  await fail(callers.slow, 'used', 5, 'usage-limit');
  assert.equal((await breakerOf(slow, 'used')).failures, 0);
  await fail(callers.slow, 'used', 3, 'fail-429');
  const row = await breakerOf(slow, 'used');
  assert.deepEqual([row.state, row.reason], ['open', 'rate_limit']);
});

test('a probe that begins to answer closes the breaker: nobody waits for the end of its stream', { skip }, async () => {
  await fail(callers.quick, 'probe', 3);
  await becomes(quick, 'probe', 'half_open');
  let pieces = 0;
  const probe = callers.quick.anthropic.call('probe long-40+drip-15', 'x', { stream: true, eachText: () => pieces++ });
  await eventually('the probe answers', async () => pieces > 0);
  expectWhole(await callers.quick.openai.call('probe text', 'at once'), echo('at once'));
  assert.ok(pieces < 40, 'the probe had ended by then');
  assert.equal((await probe).error, undefined);
});

test('when all rest every client is told when to come back, in its own words', { skip }, async () => {
  await fail(callers.slow, 'rests', 3);
  const classes = { anthropic: 'ServiceUnavailableError', openai: 'InternalServerError', bedrock: 'ServiceUnavailableException' } as Record<string, string>;
  for (const caller of callers.slow.all) {
    for (const stream of [false, true]) {
      const heard = await caller.call('rests text', 'x', { stream });
      expectResting(heard, [1790, 1800]);
      assert.equal(heard.error?.name, classes[caller.name], JSON.stringify(heard));
      assert.match(heard.error?.message ?? '', /rests text/);
    }
  }
  assert.ok(((await metrics(slow.weir.url)).get('weir_breakers_open') ?? 0) >= 1);
});

test('an operator opens, closes and frees a breaker while calls run', { skip }, async () => {
  const { anthropic, openai, bedrock } = callers.slow;
  let pieces = 0;
  const running = anthropic.call('forced long-40+drip-15', 'x', { stream: true, eachText: () => pieces++ });
  await eventually('a stream runs', async () => pieces > 0);
  const opened = (await breakers(slow.weir, 'open', 'forced', '--reason', 'maintenance tonight')).find((r) => r.provider === 'forced');
  assert.deepEqual([opened?.state, opened?.force, opened?.reason], ['open', 'open', 'maintenance tonight']);
  await slow.a.reset();
  expectWhole(await openai.call('forced text or other', 'go round'), echo('go round'));
  const refused = await bedrock.call('forced text', 'x');
  assert.equal(refused.error?.status, 503);
  assert.equal((await slow.a.stats()).requests, 0);
  assert.equal((await running).error, undefined);
  assert.equal((await breakerOf(slow, 'forced')).state, 'open', 'the success of a call that was under way changes nothing');
  await breakers(slow.weir, 'auto', 'forced');
  expectWhole(await bedrock.call('forced text', 'free again'), echo('free again'));
});

test('a breaker that is kept closed lets everything through, and says so', { skip }, async () => {
  await breakers(slow.weir, 'close', 'kept', 'main');
  await fail(callers.slow, 'kept', 6);
  const row = await breakerOf(slow, 'kept');
  assert.deepEqual([row.state, row.force, row.failures, row.times_opened], ['closed', 'closed', 6, 0]);
  await breakers(slow.weir, 'auto', 'kept', 'main');
  await fail(callers.slow, 'kept', 3);
  assert.equal((await breakerOf(slow, 'kept')).state, 'open');
});

test('what is shown to people says what happened and until when', { skip }, async () => {
  await fail(callers.slow, 'told', 3);
  const { code, out } = await slow.weir.command('breaker', 'list');
  assert.equal(code, 0);
  const line = out.split('\n').find((l) => l.startsWith('told '));
  assert.match(line ?? out, /^told +main +open +failures 3, successes 0, refused 0, opened 1 times, tried again in (1[78]\d\d) s \(server_error\)$/);
});

const mistakes: [args: string[], code: number, says: RegExp][] = [
  [['open', 'nobody'], 1, /there is no provider "nobody"/],
  [['open', 'told', 'nothing'], 1, /the provider "told" has no credential "nothing"/],
  [['open'], 2, /usage: weir breaker/],
  [['shut', 'told'], 2, /usage: weir breaker/],
  [['list', 'all'], 2, /usage: weir breaker/],
  [['list', '--verbose'], 2, /unknown option --verbose/],
];
for (const [args, code, says] of mistakes) {
  test(`weir breaker ${args.join(' ')} is refused with ${code}`, { skip }, async () => {
    const told = await slow.weir.command('breaker', ...args);
    assert.equal(told.code, code, told.out);
    assert.match(told.out, says);
  });
}

test('the log says when a breaker opened and closed, of whom and why', { skip }, async () => {
  const lines = quick.weir.logs().split('\n').filter((l) => l.includes('"breaker_'));
  const events = lines.map((l) => JSON.parse(l) as { level: string; event: string; provider: string; credential: string; class?: string; rests_ms?: number });
  const of = events.filter((e) => e.provider === 'again');
  assert.deepEqual(of.map((e) => [e.level, e.event, e.credential, e.class]), [
    ['warn', 'breaker_opened', 'main', 'server_error'],
    ['warn', 'breaker_opened', 'main', 'server_error'],
    ['info', 'breaker_closed', 'main', undefined],
  ]);
});
