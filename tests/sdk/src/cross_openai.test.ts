// The OpenAI SDK, chat completions and responses, against every kind of provider; and embeddings.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { OpenAI, openai } from './harness.js';
import { CLOCK, PNG, SHAPE, WEATHER, crossTests, startCross, type Call, type Failure, type Family, type Looped, type Said } from './cross.js';

const world = await startCross();
after(() => world.stop());
const client = openai(world.url);

const IMAGE = `data:image/png;base64,${PNG}`;
type Message = OpenAI.ChatCompletionMessageParam;
const user = (content: string): Message => ({ role: 'user', content });

function failure(e: unknown): Failure {
  const api = e as InstanceType<typeof OpenAI.APIError>;
  return { name: e?.constructor?.name ?? '', status: api.status, retryAfter: api.headers?.get('retry-after') ?? undefined, message: String(api.message) };
}

const chatTools: OpenAI.ChatCompletionTool[] = [
  { type: 'function', function: { name: 'weather', description: 'of a city', parameters: WEATHER } },
  { type: 'function', function: { name: 'clock', parameters: CLOCK, strict: true } },
];

interface Thought {
  role: 'assistant';
  content: string | null;
  reasoning_content?: string;
  reasoning?: string;
  reasoning_details?: { type: string; index?: number; text?: string; summary?: string; signature?: string; data?: string }[];
}

/** The reasoning of a stream put together as its chunks say: texts of one index joined, the rest as last told. */
function addReasoning(message: Thought, delta: Thought): void {
  if (delta.content) message.content = (message.content ?? '') + delta.content;
  if (delta.reasoning_content) message.reasoning_content = (message.reasoning_content ?? '') + delta.reasoning_content;
  if (delta.reasoning) message.reasoning = (message.reasoning ?? '') + delta.reasoning;
  for (const detail of delta.reasoning_details ?? []) {
    const known = (message.reasoning_details ??= []).find((d) => d.index === detail.index && d.type === detail.type);
    if (!known) {
      message.reasoning_details.push({ ...detail });
      continue;
    }
    const text = (known.text ?? '') + (detail.text ?? '');
    const summary = (known.summary ?? '') + (detail.summary ?? '');
    Object.assign(known, detail, detail.text !== undefined || known.text !== undefined ? { text } : {}, summary ? { summary } : {});
  }
}

async function chatThought(model: string, prompt: string, streamed: boolean): Promise<Thought> {
  const ask = { model, messages: [user(prompt)], reasoning_effort: 'medium' as const };
  if (!streamed) return (await client.chat.completions.create(ask)).choices[0]?.message as Thought;
  const message: Thought = { role: 'assistant', content: null };
  for await (const chunk of await client.chat.completions.create({ ...ask, stream: true })) {
    if (chunk.choices[0]) addReasoning(message, chunk.choices[0].delta as Thought);
  }
  return message;
}

const chat: Family = {
  name: 'openai chat',
  native: 'chat',
  async plain(model: string, prompt: string): Promise<Said> {
    const c = await client.chat.completions.create({ model, messages: [user(prompt)] });
    assert.equal(c.choices[0]?.finish_reason, 'stop');
    return { text: c.choices[0]?.message.content ?? '', input: c.usage?.prompt_tokens ?? 0, output: c.usage?.completion_tokens ?? 0 };
  },
  async stream(model: string, prompt: string): Promise<Said> {
    const said = { text: '', input: 0, output: 0, pieces: 0 };
    const ids = new Set<string>();
    let stop: string | null | undefined;
    const options = { include_usage: true };
    for await (const chunk of await client.chat.completions.create({ model, messages: [user(prompt)], stream: true, stream_options: options })) {
      ids.add(chunk.id);
      const delta = chunk.choices[0]?.delta.content;
      if (delta) said.pieces++;
      said.text += delta ?? '';
      stop = chunk.choices[0]?.finish_reason ?? stop;
      if (chunk.usage) Object.assign(said, { input: chunk.usage.prompt_tokens, output: chunk.usage.completion_tokens });
    }
    assert.equal(ids.size, 1, 'one id over all chunks');
    assert.equal(stop, 'stop');
    return said;
  },
  async tools(model: string, prompt: string, streamed: boolean): Promise<Looped> {
    const messages = [user(prompt)];
    const ask = { model, messages, tools: chatTools };
    const first = streamed ? await client.chat.completions.stream(ask).finalChatCompletion() : await client.chat.completions.create(ask);
    const message = first.choices[0]?.message;
    assert.equal(first.choices[0]?.finish_reason, 'tool_calls');
    const called = (message?.tool_calls ?? []).filter((t) => t.type === 'function');
    const calls = called.map((t): Call => ({ name: t.function.name, input: JSON.parse(t.function.arguments) }));
    const results = called.map((t): Message => ({ role: 'tool', tool_call_id: t.id, content: `answer of ${t.function.name}` }));
    const end = await client.chat.completions.create({ ...ask, messages: [...messages, message as Message, ...results] });
    return { calls, text: end.choices[0]?.message.content ?? '' };
  },
  async thinking(model: string, prompt: string, streamed: boolean): Promise<{ thinking: string; text: string }> {
    const message = await chatThought(model, prompt, streamed);
    const end = await client.chat.completions.create({ model, messages: [user(prompt), message as Message, user('go on')], reasoning_effort: 'medium' });
    return { thinking: message.reasoning_content ?? message.reasoning ?? '', text: end.choices[0]?.message.content ?? '' };
  },
  async image(model: string): Promise<string> {
    const content = [{ type: 'text' as const, text: 'see' }, { type: 'image_url' as const, image_url: { url: IMAGE } }];
    return (await client.chat.completions.create({ model, messages: [{ role: 'user', content }] })).choices[0]?.message.content ?? '';
  },
  async structured(model: string): Promise<unknown> {
    const format = { type: 'json_schema' as const, json_schema: { name: 'shape', strict: true, schema: SHAPE } };
    const c = await client.chat.completions.create({ model, messages: [user('an object')], response_format: format });
    return JSON.parse(c.choices[0]?.message.content ?? '');
  },
  failure,
  errors: { limited: 'RateLimitError', server: 'InternalServerError', broken: /^APIError$/ },
  unsupported: {
    what: 'logit_bias',
    member: 'logit_bias',
    at: ['anthropic', 'responses', 'invoke', 'converse'],
    run: (model) => client.chat.completions.create({ model, messages: [user('x')], logit_bias: { 50256: -100 } }),
  },
  hidesThinking: ['responses'], // a summary must be asked for, and the chat API has no word for that
};

const responseTools: OpenAI.Responses.Tool[] = [
  { type: 'function', name: 'weather', description: 'of a city', parameters: WEATHER, strict: false },
  { type: 'function', name: 'clock', parameters: CLOCK, strict: true },
];
const ofUser = (content: string): OpenAI.Responses.ResponseInputItem => ({ role: 'user', content });
type Ask = OpenAI.Responses.ResponseCreateParamsNonStreaming;

/** The events' grammar is checked on the way: numbered from 0, created first, completed last. */
async function streamedResponse(ask: Ask): Promise<{ response: OpenAI.Responses.Response; pieces: number }> {
  let pieces = 0;
  let expected = 0;
  let last: OpenAI.Responses.ResponseStreamEvent | undefined;
  for await (const event of await client.responses.create({ ...ask, stream: true })) {
    if (expected === 0) assert.equal(event.type, 'response.created');
    if (event.type !== 'error') assert.equal(event.sequence_number, expected);
    expected++;
    if (event.type === 'response.output_text.delta') pieces++;
    last = event;
  }
  assert.equal(last?.type, 'response.completed');
  return { response: (last as OpenAI.Responses.ResponseCompletedEvent).response, pieces };
}
const respond = async (ask: Ask, streamed: boolean): Promise<OpenAI.Responses.Response> =>
  streamed ? (await streamedResponse(ask)).response : client.responses.create(ask);
/** `output_text` is something the SDK adds to plain answers only. */
const outputText = (r: OpenAI.Responses.Response): string =>
  r.output.flatMap((item) => (item.type === 'message' ? item.content : [])).map((c) => (c.type === 'output_text' ? c.text : '')).join('');

const responses: Family = {
  name: 'openai responses',
  native: 'responses',
  async plain(model: string, prompt: string): Promise<Said> {
    const r = await client.responses.create({ model, input: prompt, store: false });
    assert.equal(r.status, 'completed');
    return { text: r.output_text, input: r.usage?.input_tokens ?? 0, output: r.usage?.output_tokens ?? 0 };
  },
  async stream(model: string, prompt: string): Promise<Said> {
    const { response: r, pieces } = await streamedResponse({ model, input: prompt, store: false });
    return { text: outputText(r), input: r.usage?.input_tokens ?? 0, output: r.usage?.output_tokens ?? 0, pieces };
  },
  async tools(model: string, prompt: string, streamed: boolean): Promise<Looped> {
    const input = [ofUser(prompt)];
    const first = await respond({ model, input, tools: responseTools, store: false }, streamed);
    const called = first.output.filter((item) => item.type === 'function_call');
    const calls = called.map((c): Call => ({ name: c.name, input: JSON.parse(c.arguments) }));
    const results = called.map((c): OpenAI.Responses.ResponseInputItem => ({ type: 'function_call_output', call_id: c.call_id, output: `answer of ${c.name}` }));
    const said = first.output as OpenAI.Responses.ResponseInputItem[];
    const end = await client.responses.create({ model, input: [...input, ...said, ...results], tools: responseTools, store: false });
    return { calls, text: end.output_text };
  },
  async thinking(model: string, prompt: string, streamed: boolean): Promise<{ thinking: string; text: string }> {
    const ask = { model, store: false, include: ['reasoning.encrypted_content' as const], reasoning: { effort: 'medium' as const, summary: 'auto' as const } };
    const first = await respond({ ...ask, input: [ofUser(prompt)] }, streamed);
    const thinking = first.output.flatMap((item) => (item.type === 'reasoning' ? item.summary : [])).map((s) => s.text).join('');
    const said = first.output as OpenAI.Responses.ResponseInputItem[];
    const end = await client.responses.create({ ...ask, input: [ofUser(prompt), ...said, ofUser('go on')] });
    return { thinking, text: end.output_text };
  },
  async image(model: string): Promise<string> {
    const content = [{ type: 'input_text' as const, text: 'see' }, { type: 'input_image' as const, image_url: IMAGE, detail: 'auto' as const }];
    return (await client.responses.create({ model, input: [{ role: 'user', content }], store: false })).output_text;
  },
  async structured(model: string): Promise<unknown> {
    const format = { type: 'json_schema' as const, name: 'shape', strict: true, schema: SHAPE };
    return JSON.parse((await client.responses.create({ model, input: 'an object', text: { format }, store: false })).output_text);
  },
  failure,
  errors: { limited: 'RateLimitError', server: 'InternalServerError', broken: /^APIError$/ },
  unsupported: {
    what: 'truncation',
    member: 'truncation',
    at: ['anthropic', 'chat', 'openrouter', 'invoke', 'converse'],
    run: (model) => client.responses.create({ model, input: 'x', truncation: 'auto', store: false }),
  },
};

crossTests(chat);
crossTests(responses);

test('openai embeddings: floats and base64 are the same numbers', async () => {
  const input = ['first text', 'second text'];
  const decoded = await client.embeddings.create({ model: 'text-embedding-sim', input, dimensions: 8 });
  const floats = await client.embeddings.create({ model: 'text-embedding-sim', input, dimensions: 8, encoding_format: 'float' });
  assert.equal(decoded.data.length, 2);
  decoded.data.forEach((d, i) => d.embedding.forEach((x, k) => assert.ok(Math.abs(x - (floats.data[i]?.embedding[k] ?? 9)) < 1e-6)));
  assert.ok(decoded.usage.prompt_tokens > 0);
});
