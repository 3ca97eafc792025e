// Both generations of the Anthropic SDK against every kind of provider.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Anthropic, KEY, generations, needsWeir, textOf } from './harness.js';
import { CLOCK, PNG, PROVIDERS, SHAPE, WEATHER, crossTests, startCross, via, type Call, type Failure, type Family, type Looped, type Said } from './cross.js';

const world = await startCross();
after(() => world.stop());

type Message = Anthropic.MessageParam;
const user = (content: Message['content']): Message => ({ role: 'user', content });
const tools: Anthropic.Tool[] = [
  { name: 'weather', description: 'of a city', input_schema: { ...WEATHER, required: ['city'] } },
  { name: 'clock', input_schema: { ...CLOCK, required: ['zone'] } },
];

function failure(e: unknown): Failure {
  const api = e as InstanceType<typeof Anthropic.APIError>;
  return { name: e?.constructor?.name ?? '', status: api.status, retryAfter: api.headers?.get('retry-after') ?? undefined, message: String(api.message) };
}

function family(name: string, client: Anthropic): Family {
  const create = async (ask: Anthropic.MessageCreateParamsNonStreaming, streamed: boolean): Promise<Anthropic.Message> =>
    streamed ? client.messages.stream(ask).finalMessage() : client.messages.create(ask);
  return {
    name: `anthropic ${name}`,
    native: 'anthropic',
    async plain(model: string, prompt: string): Promise<Said> {
      const m = await client.messages.create({ model, max_tokens: 500, messages: [user(prompt)] });
      assert.equal(m.stop_reason, 'end_turn');
      return { text: textOf(m.content), input: m.usage.input_tokens, output: m.usage.output_tokens };
    },
    async stream(model: string, prompt: string): Promise<Said> {
      let pieces = 0;
      let started = 0;
      const stream = client.messages.stream({ model, max_tokens: 500, messages: [user(prompt)] });
      stream.on('text', () => pieces++);
      stream.on('streamEvent', (e) => {
        if (e.type === 'message_start') started = e.message.usage.input_tokens;
      });
      const m = await stream.finalMessage();
      assert.ok(started > 0, 'message_start says how long the prompt is');
      return { text: textOf(m.content), input: m.usage.input_tokens, output: m.usage.output_tokens, pieces };
    },
    async tools(model: string, prompt: string, streamed: boolean): Promise<Looped> {
      const ask = { model, max_tokens: 500, tools, messages: [user(prompt)] };
      const first = await create(ask, streamed);
      assert.equal(first.stop_reason, 'tool_use');
      const called = first.content.filter((b) => b.type === 'tool_use');
      const results = called.map((c) => ({ type: 'tool_result' as const, tool_use_id: c.id, content: `answer of ${c.name}` }));
      const messages: Message[] = [...ask.messages, { role: 'assistant', content: first.content }, user(results)];
      const end = await create({ ...ask, messages }, streamed);
      return { calls: called.map((c): Call => ({ name: c.name, input: c.input })), text: textOf(end.content) };
    },
    async thinking(model: string, prompt: string, streamed: boolean): Promise<{ thinking: string; text: string }> {
      const ask = { model, max_tokens: 3000, thinking: { type: 'enabled' as const, budget_tokens: 1024 }, messages: [user(prompt)] };
      const first = await create(ask, streamed);
      const thinking = first.content.map((b) => (b.type === 'thinking' ? b.thinking : '')).join('');
      const end = await create({ ...ask, messages: [...ask.messages, { role: 'assistant', content: first.content }, user('go on')] }, streamed);
      return { thinking, text: textOf(end.content) };
    },
    async image(model: string): Promise<string> {
      const image = { type: 'image' as const, source: { type: 'base64' as const, media_type: 'image/png' as const, data: PNG } };
      return textOf((await client.messages.create({ model, max_tokens: 500, messages: [user([image, { type: 'text', text: 'see' }])] })).content);
    },
    async structured(model: string): Promise<unknown> {
      const output_config = { format: { type: 'json_schema' as const, schema: { ...SHAPE } } };
      const m = await client.messages.create({ model, max_tokens: 500, messages: [user('an object')], output_config });
      return JSON.parse(textOf(m.content));
    },
    failure,
    errors: { limited: 'RateLimitError', server: 'InternalServerError', broken: /^APIError$/ },
    unsupported: {
      what: 'top_k',
      member: 'top_k',
      at: ['chat', 'responses'],
      run: (model) => client.messages.create({ model, max_tokens: 10, messages: [user('x')], top_k: 5 } as Anthropic.MessageCreateParamsNonStreaming),
    },
  };
}

for (const { name, SDK } of generations) {
  crossTests(family(name, new SDK({ baseURL: world.url, apiKey: KEY, maxRetries: 0 })));
}

const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
for (const p of PROVIDERS) {
  test(`anthropic -> ${p}: tokens are counted, if need be by estimate, and never far below what the call then uses`, { skip: needsWeir }, async () => {
    const system = 'You are a helpful assistant that answers in short sentences. '.repeat(20);
    const ask = { model: via(p, 'text'), system, tools, messages: [user('How long is this prompt? '.repeat(40))] };
    const counted = await client.messages.countTokens(ask);
    const used = (await client.messages.create({ ...ask, max_tokens: 100 })).usage.input_tokens;
    assert.ok(counted.input_tokens >= used * 0.9, `${counted.input_tokens} counted, ${used} used`);
  });

  test(`anthropic -> ${p}: a system message among the others keeps its place`, { skip: needsWeir }, async () => {
    const said = { role: 'assistant', content: 'well' } as unknown as Message;
    const messages = [user('first'), { role: 'system', content: 'be brief' } as unknown as Message, said, user('second')];
    const ask = { model: via(p, 'text'), max_tokens: 100, messages };
    assert.match(textOf((await client.messages.create(ask)).content), /You said: second/);
  });

  test(`anthropic -> ${p}: a stop sequence ends the text or is refused by name`, { skip: needsWeir }, async () => {
    const ask = { model: via(p, 'text'), max_tokens: 100, messages: [user('one two three')], stop_sequences: ['two'] };
    if (p === 'responses') {
      await assert.rejects(client.messages.create(ask), (e) => failure(e).status === 400 && failure(e).message.includes('stop_sequences'));
      return;
    }
    const m = await client.messages.create(ask);
    assert.match(textOf(m.content), /You said: one $/);
    assert.ok(m.stop_reason === 'stop_sequence' || m.stop_reason === 'end_turn', String(m.stop_reason));
  });
}
