// The Anthropic wire through both SDK generations: everything an answer can hold, plain and streamed.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Anthropic, KEY, direct, generations, header, needsWeir, start, textOf, costOf } from './harness.js';

const world = await start();
after(() => world.stop());

const weather = {
  name: 'weather',
  description: 'The weather of a city',
  input_schema: { type: 'object' as const, properties: { city: { type: 'string' }, days: { type: 'integer' } } },
};
const clock = { name: 'clock', input_schema: { type: 'object' as const, properties: { zone: { type: 'string', enum: ['UTC', 'CET'] } } } };
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

for (const { name, SDK } of generations) {
  const client = new SDK({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  const say = (model: string, content: string, more: object = {}): Anthropic.MessageCreateParamsNonStreaming => ({
    model,
    max_tokens: 500,
    messages: [{ role: 'user', content }],
    ...more,
  });

  test(`${name}: a plain message`, async () => {
    const m = await client.messages.create(say('sim-text', 'good morning'));
    assert.equal(textOf(m.content), 'This is a simulated answer from weir-sim. You said: good morning');
    assert.equal(m.stop_reason, 'end_turn');
    assert.equal(m.model, 'sim-text');
    assert.ok(m.usage.input_tokens > 0 && m.usage.output_tokens > 0);
    assert.match((m as { _request_id?: string })._request_id ?? '', /^req_/);
  });

  test(`${name}: a stream has every event in order and adds up to the plain message`, async () => {
    const params = say('sim-text', 'one by one é漢字🙂');
    const plain = await client.messages.create(params);
    const types: string[] = [];
    const stream = client.messages.stream(params);
    stream.on('streamEvent', (e) => types.push(e.type));
    const message = await stream.finalMessage();
    assert.equal(types[0], 'message_start');
    assert.equal(types[1], 'content_block_start');
    assert.deepEqual(types.slice(-3), ['content_block_stop', 'message_delta', 'message_stop']);
    assert.ok(types.filter((t) => t === 'content_block_delta').length > 3);
    assert.equal(textOf(message.content), textOf(plain.content));
    assert.equal(message.stop_reason, plain.stop_reason);
    assert.equal(message.usage.input_tokens, plain.usage.input_tokens);
    assert.equal(message.usage.output_tokens, plain.usage.output_tokens);
  });

  test(`${name}: max_tokens ends an answer with its reason`, async () => {
    const m = await client.messages.create({ ...say('sim-text', 'cut me'), max_tokens: 3 });
    assert.equal(m.stop_reason, 'max_tokens');
    assert.equal(m.usage.output_tokens, 3);
  });

  test(`${name}: parallel tool calls, streamed, and the round trip of their results`, async () => {
    const params = say('sim-tools', 'what is it like?', { tools: [weather, clock] });
    const plain = await client.messages.create(params);
    const message = await client.messages.stream(params).finalMessage();
    assert.equal(message.stop_reason, 'tool_use');
    const calls = message.content.filter((b): b is Anthropic.ToolUseBlock => b.type === 'tool_use');
    const plainCalls = plain.content.filter((b): b is Anthropic.ToolUseBlock => b.type === 'tool_use');
    assert.deepEqual(calls.map((c) => [c.name, c.input]), plainCalls.map((c) => [c.name, c.input]));
    assert.deepEqual(calls.map((c) => c.name), ['weather', 'clock']);
    assert.deepEqual(calls[0]?.input, { city: 'a simulated "value" from weir-sim', days: 7 });
    assert.deepEqual(calls[1]?.input, { zone: 'UTC' });
    const results = calls.map((c, i) => ({ type: 'tool_result' as const, tool_use_id: c.id, content: `result ${i}` }));
    const end = await client.messages.create({
      ...params,
      messages: [...params.messages, { role: 'assistant', content: message.content }, { role: 'user', content: results }],
    });
    assert.equal(textOf(end.content), 'This is a simulated answer from weir-sim. The tool said: result 1');
  });

  test(`${name}: thinking comes with a signature that is accepted again, and a changed one is not`, async () => {
    const params = { ...say('sim-thinking', 'ponder'), max_tokens: 3000, thinking: { type: 'enabled' as const, budget_tokens: 1024 } };
    const message = await client.messages.stream(params).finalMessage();
    const thinking = message.content.find((b): b is Anthropic.ThinkingBlock => b.type === 'thinking');
    assert.ok(thinking);
    assert.match(thinking.thinking, /ponder/);
    assert.match(thinking.signature, /^[A-Za-z0-9+/]{128}$/);
    const next = { role: 'user' as const, content: 'go on' };
    const again = await client.messages.create({
      ...params,
      messages: [...params.messages, { role: 'assistant', content: message.content }, next],
    });
    assert.match(textOf(again.content), /You said: go on/);
    const forged = [{ ...thinking, signature: thinking.signature.replace(/^./, '!') }];
    await assert.rejects(
      client.messages.create({ ...params, messages: [...params.messages, { role: 'assistant', content: forged }, next] }),
      (e: unknown) => e instanceof SDK.BadRequestError && /Invalid `signature`/.test(e.message),
    );
  });

  test(`${name}: images and documents arrive whole`, async () => {
    const m = await client.messages.create({
      model: 'sim-image',
      max_tokens: 500,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
            { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERi0xLjQK' } },
            { type: 'text', text: 'look' },
          ],
        },
      ],
    });
    const bytes = Buffer.from(pixel, 'base64').length;
    assert.ok(textOf(m.content).includes(`Attachment 1: image, image/png, ${bytes} bytes. Attachment 2: document, application/pdf, 9 bytes.`));
  });

  test(`${name}: a prompt of 300 KB`, async () => {
    const prompt = `${name} `.padEnd(300 * 1024, 'long é ');
    const m = await client.messages.create(say('sim-text', prompt));
    assert.ok(textOf(m.content).includes(`(${Buffer.byteLength(prompt)} bytes in all)`));
    assert.equal((await world.sim.last(`${name} long`)).body_bytes > 300 * 1024, true);
  });

  test(`${name}: 50 calls in parallel do not mix`, async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        const params = say('sim-drip-2', `number ${i} of ${name}`);
        const m = i % 2 ? await client.messages.create(params) : await client.messages.stream(params).finalMessage();
        return textOf(m.content);
      }),
    );
    answers.forEach((a, i) => assert.equal(a, `This is a simulated answer from weir-sim. You said: number ${i} of ${name}`));
  });

  test(`${name}: count_tokens agrees with the usage of the call`, async () => {
    const messages = [{ role: 'user' as const, content: 'how many tokens are these?' }];
    const system = 'You count.';
    const count = await client.messages.countTokens({ model: 'sim-text', messages, system, tools: [weather] });
    const m = await client.messages.create({ model: 'sim-text', max_tokens: 100, messages, system, tools: [weather] });
    assert.equal(count.input_tokens, m.usage.input_tokens);
  });

  test(`${name}: marked system blocks are written to the cache once and read then, in the ledger too`, async () => {
    await world.sim.reset();
    const params = {
      ...say('sim-text', 'cached?'),
      system: [
        { type: 'text' as const, text: `a long instruction for ${name} `.repeat(50), cache_control: { type: 'ephemeral' as const, ttl: '1h' as const } },
        { type: 'text' as const, text: 'a shorter one '.repeat(10), cache_control: { type: 'ephemeral' as const } },
      ],
    };
    const first = await client.messages.create(params);
    const second = await client.messages.stream(params).finalMessage();
    const written = first.usage.cache_creation;
    assert.ok(written && written.ephemeral_1h_input_tokens > 100 && written.ephemeral_5m_input_tokens > 10);
    assert.equal(first.usage.cache_read_input_tokens, 0);
    assert.equal(second.usage.cache_creation_input_tokens, 0);
    assert.equal(second.usage.cache_read_input_tokens, written.ephemeral_1h_input_tokens + written.ephemeral_5m_input_tokens);
    if (direct) return;
    const rows = await world.weir.ledgerOf(2, (r) => r.usage.cache_read + r.usage.cache_write_1h > 0 && r.model === 'sim-text');
    const newest = rows.find((r) => r.usage.cache_read === second.usage.cache_read_input_tokens && r.streamed);
    const older = rows.find((r) => r.usage.cache_write_1h === written.ephemeral_1h_input_tokens && !r.streamed);
    assert.ok(newest && older);
    assert.equal(older.usage.cache_write_5m, written.ephemeral_5m_input_tokens);
    assert.equal(older.usage.input, first.usage.input_tokens);
    assert.equal(newest.usage.output, second.usage.output_tokens);
    assert.equal(newest.cost_nano, costOf(newest.usage));
    assert.equal(older.cost_nano, costOf(older.usage));
  });
}

test('all classes of usage are counted and priced, plain and streamed', { skip: needsWeir }, async () => {
  const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  const params = { model: 'sim-cache', max_tokens: 100, messages: [{ role: 'user' as const, content: 'every class' }] };
  const plain = await client.messages.create(params);
  await client.messages.stream(params).finalMessage();
  const rows = await world.weir.ledgerOf(2, (r) => r.model === 'sim-cache');
  assert.equal(rows.length, 2);
  for (const row of rows) {
    assert.equal(row.outcome, 'ok');
    assert.equal(row.usage.input, plain.usage.input_tokens);
    assert.equal(row.usage.output, plain.usage.output_tokens);
    assert.equal(row.usage.cache_read, 2000);
    assert.equal(row.usage.cache_write_5m, 300);
    assert.equal(row.usage.cache_write_1h, 40);
    assert.equal(row.cost_nano, costOf(row.usage));
    assert.notEqual(row.price_version, 0);
  }
});

test('a model without a price is recorded as such', { skip: needsWeir }, async () => {
  const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  await client.messages.create({ model: 'unpriced', max_tokens: 100, messages: [{ role: 'user', content: 'free?' }] });
  const [row] = await world.weir.ledgerOf(1, (r) => r.model === 'unpriced');
  assert.equal(row?.upstream_model, 'claude-unpriced');
  assert.equal(row?.price_version, 0);
  assert.equal(row?.cost_nano, null);
  assert.ok((row?.usage.output ?? 0) > 0);
});

test('an answer without usage is estimated, never free', { skip: needsWeir }, async () => {
  const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  const params = { model: 'sim-nousage', max_tokens: 100, messages: [{ role: 'user' as const, content: 'count me' }] };
  await client.messages.create(params);
  for await (const event of await client.messages.create({ ...params, stream: true })) void event;
  const rows = await world.weir.ledgerOf(2, (r) => r.model === 'sim-nousage');
  for (const row of rows) assert.ok(row.usage.input > 0 && row.usage.output > 0 && (row.cost_nano ?? 0) > 0, JSON.stringify(row));
});

test('an empty answer is an answer', async () => {
  const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  const params = { model: 'sim-empty', max_tokens: 100, messages: [{ role: 'user' as const, content: 'nothing' }] };
  assert.deepEqual((await client.messages.create(params)).content, []);
  assert.deepEqual((await client.messages.stream(params).finalMessage()).content, []);
});

test('batches and files pass through', async () => {
  const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  const params = { model: 'sim-text', max_tokens: 10, messages: [{ role: 'user' as const, content: 'later' }] };
  const batch = await client.messages.batches.create({ requests: [{ custom_id: 'a', params }] });
  assert.equal(batch.request_counts.processing, 1);
  assert.equal((await client.messages.batches.retrieve(batch.id)).processing_status, 'ended');
  const file = await client.beta.files.upload({ file: new File(['twelve bytes'], 'a.txt', { type: 'text/plain' }) });
  assert.match(file.id, /^file_/);
  const seen = await world.sim.last('twelve bytes');
  assert.match(header(seen, 'content-type') ?? '', /^multipart\/form-data; boundary=/);
});
