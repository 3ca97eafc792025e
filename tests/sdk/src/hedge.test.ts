// Hedging with the clients' own streams: a slow first target is raced by the second, the caller hears one of them, the other is
// cancelled at its simulator, and both are in the ledger.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { KEY, eventually, needsWeir, type LedgerRow } from './harness.js';
import { attemptsOf, becomesIdle, callersOf, echo, expectWhole, explain, metrics, model, provider, reload, startPair, type Callers, type Pair } from './routing.js';

const skip = needsWeir;
const hedged = 'hedge: { enabled: true, delay: 150ms }';
const claude = (behaviour: string): string => `us.anthropic.sim-${behaviour}-v1:0`;

function config(a: string, b: string): string {
  return `breaker: { failures: 1000000 }
retry: { attempts: 0, budget_floor: 1000 }
timeouts: { first_byte: 10s, drain: 10s }
providers:
${provider('a', 'anthropic', a)}
${provider('b', 'bedrock', b)}
${provider('b-cancels', 'bedrock', b, 'on_disconnect: cancel')}
${provider('a-bedrock', 'bedrock', a)}
models:
${model('first-slow', ['a sim-slow-3000', `b ${claude('text')}`], hedged)}
${model('first-silent', ['a sim-drip-3000', `b ${claude('text')}`], hedged)}
${model('billed-slow', [`a-bedrock ${claude('slow-3000')}`, `b ${claude('text')}`], hedged)}
${model('second-slower', ['a sim-slow-400', `b ${claude('slow-3000')}`], hedged)}
${model('quick', ['a sim-text', `b ${claude('text')}`], hedged)}
${model('first-fails', ['a sim-slow-300+fail-500', `b ${claude('slow-400')}`], hedged)}
${model('second-fails', ['a sim-slow-500', `b ${claude('fail-500')}`], hedged)}
${model('both-fail', ['a sim-slow-250+fail-529', `b ${claude('slow-250+fail-429')}`], hedged)}
${model('neither', ['a sim-slow-3000', `b-cancels ${claude('slow-3000')}`], hedged)}
${model('late', ['a sim-long-30+drip-15', `b ${claude('text')}`], 'hedge: { enabled: true, delay: 150ms }')}
${model('learnt', ['a sim-text', `b ${claude('text')}`], 'hedge: { enabled: true, min: 100ms, max: 20s }')}
prices:
${['a', 'b', 'a-bedrock'].map((p) => `  - { provider: ${p}, model: "*", input: 3.00, output: 15.00 }`).join('\n')}
rate_limits: [ { user: ada, concurrency: 10000 }, { workspace: "*", concurrency: 10000 }, { model: "*", concurrency: 10000 } ]
keys:
  - { name: all, value: "${KEY}", user: ada, workspace: lab }
`;
}

let world: Pair;
let callers: Callers;
if (!skip) {
  world = await startPair(config);
  callers = callersOf(world.weir.url, KEY);
  after(async () => {
    callers.destroy();
    await becomesIdle(world.weir.url);
    await world.stop();
  });
}

const count = async (name: string): Promise<number> => (await metrics(world.weir.url)).get(name) ?? -1;
const hedges = async (): Promise<[number, number]> => [await count('weir_hedges_total'), await count('weir_hedges_won_total')];
/** A call is counted when it has ended here, which may be a moment after its client has heard the end. */
const counted = (total: number, won: number): Promise<void> =>
  eventually(`${total} races, ${won} won`, async () => (await hedges()).join() === `${total},${won}`);
/** The attempts of each request for the model, sorted by what they are. */
async function told(name: string, rows: number): Promise<string[][]> {
  const list = await world.weir.ledgerOf(rows, (r) => r.model === name);
  const requests = new Map<string, LedgerRow[]>();
  for (const r of list) requests.set(r.request_id, [...(requests.get(r.request_id) ?? []), r]);
  return [...requests.values()].map(attemptsOf);
}

interface Race {
  name: string;
  what: string;
  /** What the caller hears of; where the request went, and how many were cancelled there. */
  attempts: string[];
  hedges: [raced: number, won: number];
  cancelled: [a: number, b: number];
}
const races: Race[] = [
  { name: 'first-slow', what: 'the second target wins, the first is cancelled', attempts: ['hedge_lost a', 'ok b'], hedges: [1, 1], cancelled: [1, 0] },
  { name: 'billed-slow', what: 'a provider that bills what it had begun loses', attempts: ['hedge_lost a-bedrock', 'ok b'], hedges: [1, 1], cancelled: [1, 0] },
  { name: 'second-slower', what: 'the first target wins after all', attempts: ['ok a', 'hedge_lost b'], hedges: [1, 0], cancelled: [0, 1] },
  { name: 'quick', what: 'an answer in time races nobody', attempts: ['ok a'], hedges: [0, 0], cancelled: [0, 0] },
  { name: 'first-fails', what: 'the first fails while the second is asked', attempts: ['failed_over a server_error', 'ok b'], hedges: [1, 1], cancelled: [0, 0] },
  { name: 'second-fails', what: 'the second fails and the first is waited for', attempts: ['ok a', 'failed_over b server_error'], hedges: [1, 0], cancelled: [0, 0] },
];
for (const race of races) {
  test(`${race.name}: ${race.what}; every client hears one answer`, { skip }, async () => {
    await Promise.all([world.a.reset(), world.b.reset()]);
    const before = await hedges();
    const calls = callers.all.flatMap((c) => [true, false].map((stream) => c.call(race.name, `who answers ${c.name}`, { stream }).then((heard) => ({ heard, c }))));
    const all = await Promise.all(calls);
    for (const { heard, c } of all) expectWhole(heard, echo(`who answers ${c.name}`));
    assert.deepEqual(await told(race.name, all.length * race.attempts.length), all.map(() => race.attempts));
    await counted(before[0] + race.hedges[0] * all.length, before[1] + race.hedges[1] * all.length);
    for (const [i, sim] of [world.a, world.b].entries()) {
      const stats = await sim.stats();
      assert.equal(stats.cancelled + stats.cancelled_mid_stream, race.cancelled[i]! * all.length, JSON.stringify({ ...stats, recent: [] }));
    }
  });
}

test('a stream that has begun but says nothing is raced as well', { skip }, async () => {
  await world.a.reset();
  for (const caller of callers.all) expectWhole(await caller.call('first-silent', 'say something', { stream: true }), echo('say something'));
  assert.deepEqual(await told('first-silent', 6), callers.all.map(() => ['hedge_lost a', 'ok b']));
  assert.equal((await world.a.stats()).cancelled_mid_stream, 3);
});

test('once the first token is there nobody else is asked, however long the rest takes', { skip }, async () => {
  await world.b.reset();
  for (const caller of callers.all) assert.equal((await caller.call('late', 'x', { stream: true })).error, undefined);
  assert.equal((await world.b.stats()).requests, 0);
  assert.deepEqual(await told('late', 3), callers.all.map(() => ['ok a']));
});

test('the loser costs nothing, or the prompt where its provider bills that', { skip }, async () => {
  const lost = await world.weir.ledger((r) => r.outcome === 'hedge_lost');
  for (const r of lost.filter((x) => x.provider === 'a')) assert.deepEqual([r.cost_nano, r.usage.input, r.usage.output], [0, 0, 0]);
  const billed = lost.filter((r) => r.provider !== 'a');
  assert.ok(billed.length > 0);
  for (const r of billed) assert.deepEqual([r.cost_nano, r.usage.output], [r.usage.input * 3000, 0], JSON.stringify(r));
  assert.ok(billed.every((r) => r.usage.input > 0));
});

test('both fail: one error, of the last to fail, and both attempts', { skip }, async () => {
  const before = await hedges();
  for (const caller of callers.all) {
    const heard = await caller.call('both-fail', 'x', { stream: true });
    assert.ok(heard.error && [429, 503, 529].includes(heard.error.status ?? 0), JSON.stringify(heard));
    assert.equal(heard.text, '');
  }
  for (const attempts of await told('both-fail', 6)) assert.deepEqual(attempts.map((a) => a.split(' ')[0]).sort(), ['error', 'failed_over']);
  await counted(before[0] + 3, before[1]); // nobody has won
});

test('a client that leaves while two are asked cancels both', { skip }, async () => {
  await Promise.all([world.a.reset(), world.b.reset()]);
  const leave = new AbortController();
  const calls = callers.all.map((c) => c.call('neither', 'never mind', { stream: true, signal: leave.signal }));
  await eventually('both are asked', async () => (await world.a.stats()).requests === 3 && (await world.b.stats()).requests === 3);
  leave.abort();
  for (const heard of await Promise.all(calls)) assert.ok(heard.error);
  await eventually('both are cancelled', async () => (await world.a.stats()).cancelled === 3 && (await world.b.stats()).cancelled === 3);
  assert.deepEqual(await told('neither', 6), callers.all.map(() => ['cancelled a', 'cancelled b-cancels']));
});

test('without a delay the target\'s own times decide: twenty answers are learnt from, then a stall is noticed', { skip }, async () => {
  const ask = (prompt: string): Promise<void> => callers.anthropic.call('learnt', prompt, { stream: true }).then((heard) => expectWhole(heard, echo(prompt)));
  for (let i = 0; i < 22; i++) await ask('learn');
  const before = await count('weir_hedges_won_total');
  world.a.signal('SIGSTOP');
  try {
    await ask('stalled');
  } finally {
    world.a.signal('SIGCONT');
  }
  await eventually('the second one won', async () => (await count('weir_hedges_won_total')) > before);
  assert.equal((await explain(world.weir, 'learnt')).hedged, true);
  await eventually('the log says so', async () => /"model":"learnt","provider":"b".*"attempts":2,"hedge_won":true/.test(world.weir.logs()));
});

test('no more calls beside the first than `retry` allows: a race costs as much as another try', { skip }, async () => {
  await reload(world.weir, (text) => text.replace('budget_floor: 1000', 'budget_percent: 0, budget_floor: 0'));
  const before = await count('weir_hedges_total');
  await world.b.reset();
  const heard = await callers.anthropic.call('second-slower', 'alone', { stream: true });
  expectWhole(heard, echo('alone'));
  assert.equal(await count('weir_hedges_total'), before);
  assert.equal((await world.b.stats()).requests, 0);
});
