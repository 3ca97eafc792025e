// The OpenAI wire through its SDK: chat, streams and when they report usage, tools, embeddings.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { KEY, OpenAI, direct, needsWeir, openai, start } from './harness.js';

const world = await start();
after(() => world.stop());
const client = openai(world.url);

const user = (content: string): OpenAI.ChatCompletionMessageParam[] => [{ role: 'user', content }];

test('openai: a plain completion', async () => {
  const c = await client.chat.completions.create({ model: 'sim-text', messages: user('good evening') });
  assert.equal(c.choices[0]?.message.content, 'This is a simulated answer from weir-sim. You said: good evening');
  assert.equal(c.choices[0]?.finish_reason, 'stop');
  assert.equal(c.usage?.total_tokens, (c.usage?.prompt_tokens ?? 0) + (c.usage?.completion_tokens ?? 0));
  assert.match((c as { _request_id?: string })._request_id ?? '', /^req_/);
});

test('openai: a stream without stream_options has no usage chunk, and the ledger has the usage all the same', async () => {
  const plain = await client.chat.completions.create({ model: 'sim-long-31', messages: user('no usage asked') });
  const stream = await client.chat.completions.create({ model: 'sim-long-31', messages: user('no usage asked'), stream: true });
  let text = '';
  const ids = new Set<string>();
  for await (const chunk of stream) {
    ids.add(chunk.id);
    assert.equal(chunk.choices.length, 1, 'a usage chunk was sent');
    assert.ok(!('usage' in chunk) || chunk.usage === null);
    text += chunk.choices[0]?.delta.content ?? '';
  }
  assert.equal(ids.size, 1);
  assert.equal(text, plain.choices[0]?.message.content);
  if (direct) return;
  const rows = await world.weir.ledgerOf(2, (r) => r.model === 'sim-long-31');
  assert.equal(rows.length, 2);
  for (const row of rows) {
    assert.equal(row.usage.output, 31);
    assert.equal(row.usage.input, plain.usage?.prompt_tokens);
    assert.equal(row.outcome, 'ok');
  }
});

test('openai: stream_options that ask for something else keep it and report no usage', async () => {
  const stream = await client.chat.completions.create({
    model: 'sim-long-32',
    messages: user('other options'),
    stream: true,
    stream_options: { include_usage: false, include_obfuscation: false },
  });
  for await (const chunk of stream) assert.equal(chunk.choices.length, 1);
  const seen = await world.sim.last('other options');
  assert.equal((JSON.parse(seen.body) as { stream_options: { include_obfuscation: boolean } }).stream_options.include_obfuscation, false);
  if (direct) return;
  const [row] = await world.weir.ledgerOf(1, (r) => r.model === 'sim-long-32');
  assert.equal(row?.usage.output, 32);
});

test('openai: include_usage has exactly one usage chunk, the last, without choices', async () => {
  const stream = await client.chat.completions.create({
    model: 'sim-long-33',
    messages: user('usage asked'),
    stream: true,
    stream_options: { include_usage: true },
  });
  const usages: OpenAI.CompletionUsage[] = [];
  let last: OpenAI.ChatCompletionChunk | undefined;
  for await (const chunk of stream) {
    if (chunk.usage) usages.push(chunk.usage);
    else assert.equal(chunk.usage, null);
    last = chunk;
  }
  assert.equal(usages.length, 1);
  assert.equal(usages[0]?.completion_tokens, 33);
  assert.deepEqual(last?.choices, []);
});

test('openai: parallel tool calls, streamed, and the round trip of their results', async () => {
  const tool = (name: string, properties: object): OpenAI.ChatCompletionTool => ({
    type: 'function',
    function: { name, parameters: { type: 'object', properties } },
  });
  const tools = [tool('weather', { city: { type: 'string' } }), tool('clock', { zone: { type: 'string', enum: ['UTC'] } })];
  const messages = user('use them');
  const c = await client.chat.completions.stream({ model: 'sim-tools', messages, tools }).finalChatCompletion();
  const message = c.choices[0]?.message;
  assert.equal(c.choices[0]?.finish_reason, 'tool_calls');
  const calls = (message?.tool_calls ?? []).filter((t) => t.type === 'function');
  assert.deepEqual(calls.map((t) => t.function.name), ['weather', 'clock']);
  assert.deepEqual(JSON.parse(calls[1]?.function.arguments ?? ''), { zone: 'UTC' });
  const results = calls.map((t, i): OpenAI.ChatCompletionMessageParam => ({ role: 'tool', tool_call_id: t.id, content: `answer ${i}` }));
  const end = await client.chat.completions.create({
    model: 'sim-tools',
    tools,
    messages: [...messages, { role: 'assistant', content: null, tool_calls: calls }, ...results],
  });
  assert.match(end.choices[0]?.message.content ?? '', /The tool said: answer 1/);
});

test('openai: reasoning and cached tokens are reported and recorded by class', async () => {
  const c = await client.chat.completions.create({ model: 'sim-thinking+cache', messages: user('think') });
  const reasoning = c.usage?.completion_tokens_details?.reasoning_tokens ?? 0;
  assert.ok(reasoning > 0);
  assert.equal(c.usage?.prompt_tokens_details?.cached_tokens, 2000);
  if (direct) return;
  const [row] = await world.weir.ledgerOf(1, (r) => r.model === 'sim-thinking+cache');
  assert.equal(row?.usage.reasoning, reasoning);
  assert.equal(row?.usage.cache_read, 2000);
  const written = (c.usage?.prompt_tokens_details as { cache_write_tokens?: number }).cache_write_tokens ?? 0;
  assert.equal((row?.usage.cache_write_5m ?? 0) + (row?.usage.cache_write_1h ?? 0), written);
  assert.equal(row?.usage.input, (c.usage?.prompt_tokens ?? 0) - 2000 - written);
});

test('openai: images in data URLs arrive whole', async () => {
  const c = await client.chat.completions.create({
    model: 'sim-image',
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0K' } }, { type: 'text', text: 'see' }] }],
  });
  assert.match(c.choices[0]?.message.content ?? '', /Attachment 1: image, image\/png, 6 bytes\./);
});

test('openai: embeddings as floats and as base64 are the same numbers', async () => {
  const input = ['first text', 'second text'];
  const decoded = await client.embeddings.create({ model: 'text-embedding-sim', input, dimensions: 16 });
  const floats = await client.embeddings.create({ model: 'text-embedding-sim', input, dimensions: 16, encoding_format: 'float' });
  const raw = await client.embeddings.create({ model: 'text-embedding-sim', input, dimensions: 16, encoding_format: 'base64' });
  assert.equal(typeof raw.data[0]?.embedding, 'string');
  assert.equal(decoded.data.length, 2);
  for (const i of [0, 1]) {
    const a = decoded.data[i]?.embedding ?? [];
    const b = floats.data[i]?.embedding ?? [];
    assert.equal(a.length, 16);
    a.forEach((x, k) => assert.ok(Math.abs(x - (b[k] ?? 9)) < 1e-6));
    assert.ok(Math.abs(a.reduce((sum, x) => sum + x * x, 0) - 1) < 1e-5);
  }
  if (direct) return;
  const rows = await world.weir.ledgerOf(3, (r) => r.model === 'text-embedding-sim');
  assert.equal(rows.length, 3);
  assert.equal(rows[0]?.usage.input, floats.usage.prompt_tokens);
  assert.equal(rows[0]?.usage.output, 0);
});

test('openai: 50 calls in parallel do not mix', async () => {
  const answers = await Promise.all(
    Array.from({ length: 50 }, async (_, i) => {
      if (i % 2) return (await client.chat.completions.create({ model: 'sim-slow-5', messages: user(`chat ${i}`) })).choices[0]?.message.content;
      let text = '';
      for await (const chunk of await client.chat.completions.create({ model: 'sim-drip-2', messages: user(`chat ${i}`), stream: true })) {
        text += chunk.choices[0]?.delta.content ?? '';
      }
      return text;
    }),
  );
  answers.forEach((a, i) => assert.equal(a, `This is a simulated answer from weir-sim. You said: chat ${i}`));
});

test('openai: a body that asks twice for the same member is refused in its shape', { skip: needsWeir }, async () => {
  const answer = await fetch(`${world.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: '{"model":"sim-text","model":"sim-tools","messages":[]}',
  });
  assert.equal(answer.status, 400);
  assert.equal(((await answer.json()) as { error: { type: string } }).error.type, 'invalid_request_error');
});
