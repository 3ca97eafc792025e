// Answers that break off and callers that go away: never shown as finished, always accounted for once.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Anthropic, KEY, OpenAI, eventually, generations, needsWeir, openai, start, type LedgerRow } from './harness.js';

const world = await start();
after(() => world.stop());

const messages = [{ role: 'user' as const, content: 'tell me something that is long enough to be broken in the middle of it' }];
const breaks = ['reset', 'cut', 'error'];

for (const { name, SDK } of generations) {
  const client = new SDK({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });

  for (const how of breaks) {
    for (const after of [1, 5, 9]) {
      test(`${name}: a stream that ends by ${how} after ${after} events throws`, { skip: how === 'cut' ? needsWeir : false }, async () => {
        let events = 0;
        await assert.rejects(
          async () => {
            const stream = await client.messages.create({ model: `sim-${how}-after-${after}`, max_tokens: 500, messages, stream: true });
            for await (const event of stream) {
              events++;
              assert.notEqual(event.type, 'message_stop');
            }
          },
          (e: unknown) => !(e instanceof assert.AssertionError) && e instanceof Error,
        );
        assert.ok(events <= after);
      });
      test(`${name}: the message helper throws as well: ${how} after ${after}`, async () => {
        const stream = client.messages.stream({ model: `sim-${how}-after-${after}`, max_tokens: 500, messages });
        await assert.rejects(stream.finalMessage());
      });
    }
    test(`${name}: a plain answer that ends by ${how} throws`, { skip: how === 'cut' ? needsWeir : false }, async () => {
      await assert.rejects(client.messages.create({ model: `sim-${how}-after-1`, max_tokens: 500, messages }));
    });
  }

  test(`${name}: a connection reset before the first byte is an error with a status`, { skip: needsWeir }, async () => {
    await assert.rejects(
      client.messages.create({ model: 'sim-reset-after-0', max_tokens: 500, messages, stream: true }),
      (e: unknown) => e instanceof SDK.InternalServerError && e.status === 502,
    );
  });
}

for (const how of breaks) {
  test(`openai: a stream that ends by ${how} throws`, { skip: how === 'cut' ? needsWeir : false }, async () => {
    await assert.rejects(
      async () => {
        const stream = await openai(world.url).chat.completions.create({ model: `sim-${how}-after-4`, messages, stream: true });
        for await (const chunk of stream) assert.equal(chunk.choices[0]?.finish_reason ?? null, null);
      },
      (e: unknown) => !(e instanceof assert.AssertionError) && e instanceof Error,
    );
  });
}

test('a broken stream has the usage that was seen, once', { skip: needsWeir }, async () => {
  const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  for (const how of breaks) {
    const model = `sim-${how}-after-6`;
    await assert.rejects(client.messages.stream({ model, max_tokens: 500, messages }).finalMessage());
    const rows = await world.weir.ledgerOf(1, (r) => r.model === model);
    assert.equal(rows.length, 1, model);
    const row = rows[0] as LedgerRow;
    assert.notEqual(row.outcome, 'ok');
    assert.ok(row.usage.input > 0 && row.usage.output > 0, JSON.stringify(row));
    assert.ok((row.cost_nano ?? 0) > 0);
  }
});

for (const wire of ['anthropic', 'openai'] as const) {
  const call = (model: string, signal: AbortSignal): Promise<AsyncIterable<unknown>> => {
    if (wire === 'openai') return openai(world.url).chat.completions.create({ model, messages, stream: true }, { signal });
    const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
    return client.messages.create({ model, max_tokens: 500, messages, stream: true }, { signal });
  };
  const ms = wire === 'openai' ? 1 : 2;

  test(`${wire}: an abort before the first byte reaches the provider and is settled once`, async () => {
    await world.sim.reset();
    const model = `sim-slow-2000${ms}`;
    const abort = new AbortController();
    const pending = call(model, abort.signal);
    await eventually('the simulator has the request', async () => (await world.sim.stats()).requests === 1);
    abort.abort();
    await assert.rejects(pending, (e: unknown) => e instanceof Anthropic.APIUserAbortError || e instanceof OpenAI.APIUserAbortError);
    await eventually('the simulator sees the cancel', async () => (await world.sim.stats()).cancelled === 1);
    if (needsWeir) return;
    const rows = await world.weir.ledgerOf(1, (r) => r.model === model);
    assert.equal(rows.length, 1);
    assert.equal(rows[0]?.outcome, 'cancelled');
  });

  test(`${wire}: an abort in the middle of a stream reaches the provider and is settled once`, async () => {
    await world.sim.reset();
    const model = `sim-long-500+drip-2${ms}`;
    const abort = new AbortController();
    let events = 0;
    try {
      for await (const event of await call(model, abort.signal)) {
        void event;
        if (++events === 8) abort.abort();
      }
    } catch (e) {
      assert.ok(e instanceof Anthropic.APIUserAbortError || e instanceof OpenAI.APIUserAbortError || (e as Error).name === 'AbortError', String(e));
    }
    assert.ok(events >= 8);
    await eventually('the simulator sees the cancel', async () => (await world.sim.stats()).cancelled_mid_stream === 1);
    assert.equal((await world.sim.stats()).cancelled, 0);
    if (needsWeir) return;
    const rows = await world.weir.ledgerOf(1, (r) => r.model === model);
    assert.equal(rows.length, 1);
    assert.equal(rows[0]?.outcome, 'cancelled');
    assert.ok((rows[0]?.usage.output ?? 0) > 0 && (rows[0]?.usage.output ?? 0) < 500, JSON.stringify(rows[0]));
  });
}

test('a plain call whose caller goes away is cancelled too', async () => {
  await world.sim.reset();
  const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  const abort = new AbortController();
  const pending = client.messages.create({ model: 'sim-slow-20003', max_tokens: 10, messages }, { signal: abort.signal });
  await eventually('the simulator has the request', async () => (await world.sim.stats()).requests === 1);
  abort.abort();
  await assert.rejects(pending);
  await eventually('the simulator sees the cancel', async () => (await world.sim.stats()).cancelled === 1);
});
