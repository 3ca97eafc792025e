// Clients that leave, in each phase, by their SDK's own abort: the provider's call is cancelled at once, or read to its end where the
// provider bills it all the same; one settlement either way, and nothing is held afterwards.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Anthropic, KEY, eventually, needsWeir, type LedgerRow, type Sim } from './harness.js';
import { becomesIdle, callersOf, metrics, model, provider, startPair, type Callers, type Pair } from './routing.js';

const skip = needsWeir;
const policies = ['cancel', 'drain'] as const;
type Policy = (typeof policies)[number];
const behaviours = ['slow-500', 'drip-100', 'long-40+drip-15', 'tools+drip-60', 'slow-3000'];

function config(a: string, b: string): string {
  const targets: [string, 'anthropic' | 'bedrock' | 'openai'][] = [['anthropic', 'anthropic'], ['bedrock', 'bedrock'], ['openai', 'openai']];
  const called = (kind: string, x: string): string => (kind === 'bedrock' ? `us.anthropic.sim-${x}-v1:0` : `sim-${x}`);
  const all = targets.flatMap(([n, kind]) => policies.map((p) => ({ n: `${n}-${p}`, kind, p })));
  return `breaker: { failures: 1, open: 1800s }
retry: { attempts: 0 }
timeouts: { first_byte: 10s, abandoned: 5s, drain: 10s }
providers:
${all.map(({ n, kind, p }) => provider(n, kind, p === 'cancel' ? a : b, `on_disconnect: ${p}`)).join('\n')}
${provider('plain-anthropic', 'anthropic', a)}
${provider('plain-bedrock', 'bedrock', b)}
${provider('impatient', 'bedrock', b, 'on_disconnect: drain, timeouts: { abandoned: 300ms }')}
models:
${all.flatMap(({ n, kind }) => behaviours.map((x) => model(`${n} ${x}`, [`${n} ${called(kind, x)}`]))).join('\n')}
${model('default-anthropic', ['plain-anthropic sim-long-40+drip-15'])}
${model('default-bedrock', ['plain-bedrock us.anthropic.sim-long-40+drip-15-v1:0'])}
${model('impatient', ['impatient us.anthropic.sim-long-100+drip-15-v1:0'])}
prices:
${[...all.map(({ n }) => n), 'plain-anthropic', 'plain-bedrock', 'impatient'].map((n) => `  - { provider: ${n}, model: "*", input: 3.00, output: 15.00 }`).join('\n')}
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
    await world.stop();
  });
}

const simOf = (p: Policy): Sim => (p === 'cancel' ? world.a : world.b);
const kinds = ['anthropic', 'bedrock', 'openai'] as const;
/** What the policy promises, once everything has come to rest. A stream that was read to its last event may lose its very end. */
async function expectEnd(p: Policy, calls: number, stream = true): Promise<void> {
  await becomesIdle(world.weir.url);
  const stats = await simOf(p).stats();
  const cancelled = stats.cancelled + stats.cancelled_mid_stream;
  const short = JSON.stringify({ ...stats, recent: [] });
  assert.equal(stats.requests, calls);
  assert.equal(stats.streams_finished, p === 'drain' && stream ? calls : 0, short);
  if (p === 'cancel' || !stream) assert.equal(cancelled, p === 'cancel' ? calls : 0, short);
}
async function rowsOf(models: string[]): Promise<LedgerRow[]> {
  const rows = await world.weir.ledgerOf(models.length, (r) => models.includes(r.model));
  assert.equal(rows.length, models.length, 'one settlement each');
  return rows;
}
const estimated = (r: LedgerRow): boolean => (r.usage as unknown as { estimated: boolean }).estimated;
let round = 0;

for (const p of policies) {
  for (const stream of [false, true]) {
    test(`${p}: before the answer's head, ${stream ? 'streamed' : 'plain'}, every client, every kind of provider`, { skip }, async () => {
      await simOf(p).reset();
      const before = new Set((await world.weir.ledger()).map((r) => r.request_id));
      const leave = new AbortController();
      const calls = kinds.flatMap((kind) => callers.all.map((c) => c.call(`${kind}-${p} slow-500`, `leaves ${round++}`, { stream, signal: leave.signal })));
      await eventually('all are asked', async () => (await simOf(p).stats()).requests === calls.length);
      leave.abort();
      for (const heard of await Promise.all(calls)) assert.ok(heard.error && heard.text === '', JSON.stringify(heard));
      await expectEnd(p, calls.length, stream);
      const rows = await world.weir.ledgerOf(calls.length, (r) => !before.has(r.request_id));
      assert.equal(rows.length, calls.length, 'one settlement each');
      for (const r of rows) {
        assert.deepEqual([r.outcome, r.status, r.streamed], ['cancelled', 0, stream], JSON.stringify(r));
        // Cancelled before it was accepted: nothing. Drained: all of it, by the provider's own count.
        assert.equal((r.cost_nano ?? 0) > 0, p === 'drain', JSON.stringify(r));
        assert.equal(estimated(r), false, JSON.stringify(r));
      }
    });
  }

  test(`${p}: in the middle of the text, every client, every kind of provider`, { skip }, async () => {
    await simOf(p).reset();
    const models = kinds.map((k) => `${k}-${p} long-40+drip-15`);
    const calls = models.flatMap((m) =>
      callers.all.map(async (c) => {
        const leave = new AbortController();
        let pieces = 0;
        const heard = await c.call(m, 'leaves in the middle', { stream: true, signal: leave.signal, onPiece: () => ++pieces === 5 && leave.abort() });
        assert.ok(!heard.ended && pieces >= 5 && pieces < 40, `${pieces} pieces`);
      }),
    );
    await Promise.all(calls);
    await expectEnd(p, calls.length);
    const rows = await rowsOf(models.flatMap((m) => [m, m, m]));
    for (const r of rows) {
      assert.equal(r.outcome, 'cancelled', JSON.stringify(r));
      assert.equal(estimated(r), p === 'cancel', JSON.stringify(r));
      if (p === 'drain') assert.equal(r.usage.output, 40, JSON.stringify(r));
      else assert.ok(r.usage.output >= 1 && r.usage.output < 40 && r.usage.input > 0, JSON.stringify(r));
      assert.equal(r.cost_nano, r.usage.input * 3000 + r.usage.output * 15000);
    }
  });

  const phases: [what: string, model: string, leaves: (e: Anthropic.MessageStreamEvent) => boolean][] = [
    ['behind the head, before the first token', 'drip-100', (e) => e.type === 'message_start'],
    ['in a tool call', 'tools+drip-60', (e) => e.type === 'content_block_delta' && e.delta.type === 'input_json_delta'],
    ['behind the last token, before the end', 'drip-100', (e) => e.type === 'content_block_stop'],
  ];
  for (const [i, [what, behaviour, leaves]] of phases.entries()) {
    test(`${p}: ${what}`, { skip }, async () => {
      await simOf(p).reset();
      const kind = (['openai', 'bedrock', 'anthropic'] as const)[i]!;
      const name = `${kind}-${p} ${behaviour}`;
      const client = new Anthropic({ baseURL: world.weir.url, apiKey: KEY, maxRetries: 0 });
      const tools = [{ name: 'weather', input_schema: { type: 'object' as const, properties: { city: { type: 'string' } } } }];
      const stream = await client.messages.create({ model: name, max_tokens: 500, stream: true, tools, messages: [{ role: 'user', content: 'and then' }] });
      let ended = false;
      for await (const event of stream) {
        ended ||= event.type === 'message_stop';
        if (leaves(event)) break; // which aborts
      }
      assert.ok(!ended);
      await expectEnd(p, 1);
      const [row] = await rowsOf([name]);
      assert.deepEqual([row?.outcome, row?.error], ['cancelled', 'CANCELLED'], JSON.stringify(row));
      assert.ok((row?.cost_nano ?? 0) > 0);
      if (p === 'drain') assert.ok(!estimated(row!) && row!.usage.output > 5, JSON.stringify(row));
    });
  }
}

test('behind the last event there is nothing to cancel: the call is good', { skip }, async () => {
  const client = new Anthropic({ baseURL: world.weir.url, apiKey: KEY, maxRetries: 0 });
  const stream = await client.messages.create({ model: 'anthropic-cancel tools+drip-60', max_tokens: 500, stream: true, messages: [{ role: 'user', content: 'all of it' }] });
  for await (const event of stream) if (event.type === 'message_stop') break; // which aborts
  const row = await world.weir.ledgerOf(1, (r) => r.model === 'anthropic-cancel tools+drip-60' && r.outcome === 'ok');
  assert.equal(row.length, 1);
});

test('what nobody has said: Anthropic is cancelled, Bedrock is drained', { skip }, async () => {
  await Promise.all([world.a.reset(), world.b.reset()]);
  for (const name of ['default-anthropic', 'default-bedrock']) {
    const leave = new AbortController();
    await callers.openai.call(name, 'x', { stream: true, signal: leave.signal, onPiece: () => leave.abort() });
  }
  await becomesIdle(world.weir.url);
  const [a, b] = [await world.a.stats(), await world.b.stats()];
  assert.deepEqual([a.cancelled_mid_stream, a.streams_finished, b.streams_finished], [1, 0, 1]);
});

test('a drain has an end: timeouts.abandoned, and then it is cancelled', { skip }, async () => {
  await world.b.reset();
  const leave = new AbortController();
  await callers.anthropic.call('impatient', 'x', { stream: true, signal: leave.signal, onPiece: () => leave.abort() });
  await becomesIdle(world.weir.url);
  assert.equal((await world.b.stats()).cancelled_mid_stream, 1);
  const [row] = await rowsOf(['impatient']);
  assert.ok(row && estimated(row) && row.outcome === 'cancelled' && row.usage.output > 5 && row.usage.output < 100, JSON.stringify(row));
});

test('clients that leave say nothing about their providers: no breaker has opened', { skip }, async () => {
  assert.equal((await metrics(world.weir.url)).get('weir_breakers_open'), 0);
  assert.ok(((await metrics(world.weir.url)).get('weir_requests_total{outcome="cancelled"}') ?? 0) > 20);
});
