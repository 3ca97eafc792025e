// More calls than a target or the gateway may take: who waits, whose turn it is, and what those are told for whom there is no room,
// each client in its own words. Nothing of it may be left when all is over.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { connect } from 'node:http2';
import { KEY, eventually, needsWeir, type Seen } from './harness.js';
import { becomesIdle, breakers, callersOf, echo, expectWhole, metrics, model, provider, startPair, type Callers, type Heard, type Pair } from './routing.js';

const skip = needsWeir;
const OTHER = 'wk-pressure-other-key-2';

function config(limits: string, queue: string): (a: string, b: string) => string {
  return (a, b) => `breaker: { failures: 1000000 }
retry: { attempts: 0 }
timeouts: { first_byte: 10s, drain: 10s }
limits: ${limits}
queue: ${queue}
providers:
${provider('a', 'anthropic', a)}
${provider('b', 'bedrock', b)}
models:
${model('one-place', ['a sim-text concurrency: 1'])}
${model('pair', ['a sim-slow-150 concurrency: 2'])}
${model('spill', ['a sim-empty concurrency: 1', 'b us.anthropic.sim-text-v1:0'])}
${model('rests', ['a sim-fail-500'])}
${model('*', ['a *'])}
keys:
  - { name: all, value: "${KEY}" }
  - { name: other, value: "${OTHER}" }
`;
}

/** A long queue; a short one that soon gives up; a gateway that is small in all. */
let long: Pair;
let short: Pair;
let small: Pair;
const by = {} as { long: Callers; short: Callers; small: Callers };
if (!skip) {
  [long, short, small] = await Promise.all([
    startPair(config('{ http2_streams: 4 }', '{ size: 64, wait: 10s }')),
    startPair(config('{}', '{ size: 3, wait: 400ms }')),
    startPair(config('{ requests: 6, streams: 2, memory_bytes: 1048576 }', '{ size: 64, wait: 10s }')),
  ]);
  Object.assign(by, { long: callersOf(long.weir.url, KEY), short: callersOf(short.weir.url, KEY), small: callersOf(small.weir.url, KEY) });
  after(async () => {
    for (const c of Object.values(by)) c.destroy();
    for (const world of [long, short, small]) {
      await becomesIdle(world.weir.url);
      await world.stop();
    }
  });
}

const said = (seen: Seen): string => (JSON.parse(seen.body) as { messages: { content: string }[] }).messages[0]?.content ?? '';
const arrived = async (world: Pair, part: string): Promise<string[]> => (await world.a.stats()).recent.filter((r) => r.body.includes(part)).map(said);
const queued = (world: Pair, n: number): Promise<void> =>
  eventually(`${n} calls wait`, async () => (await metrics(world.weir.url)).get('weir_queued_requests') === n);

/** What each vendor's client makes of "no room here". */
const full: Record<string, [name: string, status: number]> = {
  anthropic: ['OverloadedError', 529],
  openai: ['InternalServerError', 503],
  bedrock: ['ServiceUnavailableException', 503],
};
function expectFull(client: string, heard: Heard, says: RegExp): void {
  assert.deepEqual([heard.error?.name, heard.error?.status], full[client], JSON.stringify(heard));
  assert.ok(Number(heard.error?.retryAfter) >= 1, `retry-after ${String(heard.error?.retryAfter)}`);
  assert.match(heard.error?.message ?? '', says);
}

/** Takes the target's place until it is told to leave; the simulator never answers it. */
async function hold(world: Pair, name: string): Promise<() => Promise<void>> {
  const leave = new AbortController();
  const call = fetch(`${world.weir.url}/v1/messages`, {
    method: 'POST',
    signal: leave.signal,
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', 'x-api-key': KEY, 'x-sim-behaviour': 'hang' },
    body: JSON.stringify({ model: name, max_tokens: 10, messages: [{ role: 'user', content: 'holds the place' }] }),
  });
  const over = assert.rejects(call);
  await eventually('the place is taken', async () => (await arrived(world, 'holds the place')).length > 0);
  return async () => {
    leave.abort();
    await over;
  };
}

test('one place, two keys: they take turns, however many one of them sends', { skip }, async () => {
  await long.a.reset();
  const leave = await hold(long, 'one-place');
  const calls: Promise<Heard>[] = [];
  for (let i = 0; i < 6; i++) calls.push(by.long.anthropic.call('one-place', `first key, ${i}`));
  await queued(long, 6);
  for (let i = 0; i < 3; i++) {
    calls.push(by.long.anthropic.call('one-place', `other key, ${i}`, { key: OTHER }));
    await queued(long, 7 + i);
  }
  await leave();
  for (const heard of await Promise.all(calls)) assert.equal(heard.error, undefined);
  const order = (await arrived(long, ' key, ')).map((s) => s.slice(0, 5));
  assert.deepEqual(order, ['other', 'first', 'other', 'first', 'other', 'first', 'first', 'first', 'first']);
});

test('of one key the one that came first goes first, whatever client it is', { skip }, async () => {
  await long.a.reset();
  const leave = await hold(long, 'one-place');
  const calls: Promise<Heard>[] = [];
  for (const [i, caller] of [...by.long.all, ...by.long.all].entries()) {
    calls.push(caller.call('one-place', `in order ${i}`));
    await queued(long, i + 1);
  }
  await leave();
  for (const [i, heard] of (await Promise.all(calls)).entries()) expectWhole(heard, echo(`in order ${i}`));
  const order = (await long.a.stats()).recent.map((r) => /in order (\d)/.exec(r.body)?.[1]).filter((n) => n !== undefined);
  assert.deepEqual(order, ['0', '1', '2', '3', '4', '5']);
});

test('never more calls at a target than it may have', { skip }, async () => {
  await long.a.reset();
  const calls = Array.from({ length: 9 }, (_, i) => by.long.all[i % 3]?.call('pair', 'two at most'));
  let most = 0;
  const watch = eventually('all have arrived', async () => {
    const stats = await long.a.stats();
    most = Math.max(most, stats.active - 1); // without the question itself
    return stats.requests === 9;
  });
  for (const heard of await Promise.all(calls)) expectWhole(heard as Heard, echo('two at most'));
  await watch;
  assert.equal(most, 2);
});

test('a call that would have to wait goes to the next target that has room', { skip }, async () => {
  const leave = await hold(long, 'spill');
  for (const caller of by.long.all) expectWhole(await caller.call('spill', 'does not wait'), echo('does not wait'));
  assert.equal((await long.b.stats()).requests, 3);
  await leave();
});

test('a full queue tells each client so in its own words, with a time; so does a wait that was too long', { skip }, async () => {
  const leave = await hold(short, 'one-place');
  const waiting = Array.from({ length: 3 }, () => by.short.anthropic.call('one-place', 'waits in vain'));
  await queued(short, 3);
  for (const caller of by.short.all) {
    for (const stream of [false, true]) expectFull(caller.name, await caller.call('one-place', 'no room', { stream }), /all 1 places .* its queue is full/);
  }
  for (const heard of await Promise.all(waiting)) expectFull('anthropic', heard, /all 1 places .* none came free in time/);
  await leave();
  assert.deepEqual([...(await arrived(short, 'in vain')), ...(await arrived(short, 'no room'))], []);
});

test('a full queue makes room for a key that has less in it, at the cost of the greediest', { skip }, async () => {
  await short.a.reset();
  const leave = await hold(short, 'one-place');
  const greedy = [1, 2, 3].map((i) => by.short.anthropic.call('one-place', `greedy ${i}`));
  await queued(short, 3);
  const modest = by.short.openai.call('one-place', 'modest', { key: OTHER });
  const out = await Promise.race(greedy);
  expectFull('anthropic', out, /its queue is full|make room/);
  await queued(short, 3);
  await leave();
  expectWhole(await modest, echo('modest'));
  const ends = await Promise.all(greedy);
  assert.equal(ends.filter((h) => h.error).length, 1);
});

test('a client that leaves the queue is not sent on', { skip }, async () => {
  await long.a.reset();
  const leave = await hold(long, 'one-place');
  const abort = new AbortController();
  const leaving = by.long.all.map((c) => c.call('one-place', 'gives up', { signal: abort.signal }));
  await queued(long, 3);
  abort.abort();
  for (const heard of await Promise.all(leaving)) assert.ok(heard.error);
  await queued(long, 0);
  await leave();
  await becomesIdle(long.weir.url);
  assert.deepEqual(await arrived(long, 'gives up'), []);
});

test('limits.streams: one stream too many, in each client\'s words; plain calls go on', { skip }, async () => {
  let pieces = 0;
  const running = [1, 2].map(() => by.small.anthropic.call('sim-long-40+drip-25', 'x', { stream: true, eachText: () => pieces++ }));
  await eventually('both run', async () => (await metrics(small.weir.url)).get('weir_streams') === 2 && pieces > 1);
  for (const caller of by.small.all) {
    expectFull(caller.name, await caller.call('sim-text', 'one more', { stream: true }), /too many answers are being streamed/);
    expectWhole(await caller.call('sim-text', 'plain'), echo('plain'));
  }
  for (const heard of await Promise.all(running)) assert.equal(heard.error, undefined);
});

test('limits.requests: one too many is told at once; health, metrics and the operator\'s commands answer', { skip }, async () => {
  const running = Array.from({ length: 6 }, (_, i) => by.small.all[i % 3]?.call('sim-slow-1500', 'holds on'));
  await eventually('six are there', async () => (await arrived(small, 'holds on')).length === 6);
  const names: Record<string, string> = { anthropic: 'ServiceUnavailableError', openai: 'InternalServerError', bedrock: 'ServiceUnavailableException' };
  for (const caller of by.small.all) {
    const heard = await caller.call('sim-text', 'one too many');
    assert.deepEqual([heard.error?.name, heard.error?.status, heard.error?.retryAfter], [names[caller.name], 503, '1'], JSON.stringify(heard));
    assert.match(heard.error?.message ?? '', /too many requests are being served/);
  }
  assert.equal((await fetch(`${small.weir.url}/health/ready`)).status, 200);
  assert.ok((await metrics(small.weir.url)).size > 20);
  assert.ok((await breakers(small.weir)).length > 0);
  for (const heard of await Promise.all(running)) assert.equal(heard?.error, undefined);
});

test('limits.memory_bytes: a body for which there is no room is refused, and nothing is kept of it', { skip }, async () => {
  const large = 'x'.repeat(700_000);
  const running = by.small.anthropic.call('sim-slow-800', `holds ${large}`);
  await eventually('its body is held', async () => ((await metrics(small.weir.url)).get('weir_held_bytes') ?? 0) >= 700_000);
  for (const caller of by.small.all) {
    const heard = await caller.call('sim-text', `no room for ${large}`);
    expectFull(caller.name, heard, /memory/);
    expectWhole(await caller.call('sim-text', 'small'), echo('small'));
  }
  assert.equal((await running).error, undefined);
  await eventually('it is given back', async () => (await metrics(small.weir.url)).get('weir_held_bytes') === 0);
  assert.equal((await by.small.openai.call('sim-text', `now there is room for ${large}`)).error, undefined);
});

test('limits.http2_streams: told to the client, which keeps to it', { skip }, async () => {
  const session = connect(long.weir.url);
  const most = await new Promise<number | undefined>((resolve, reject) => {
    session.on('error', reject);
    session.on('remoteSettings', (s) => resolve(s.maxConcurrentStreams));
  });
  session.close();
  assert.equal(most, 4);
  const heard = await Promise.all(Array.from({ length: 20 }, (_, i) => by.long.bedrock.call('sim-slow-30', `number ${i}`)));
  for (const [i, h] of heard.entries()) expectWhole(h, echo(`number ${i}`));
});
