// LangChain's Anthropic and OpenAI models against every kind of provider.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { ChatAnthropic } from '@langchain/anthropic';
import { AIMessage, AIMessageChunk, HumanMessage, ToolMessage, type BaseMessage } from '@langchain/core/messages';
import type { Runnable } from '@langchain/core/runnables';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { KEY } from './harness.js';
import { CLOCK, PNG, SHAPE, WEATHER, crossTests, startCross, type Call, type Failure, type Family, type Looped, type Provider, type Said } from './cross.js';

const world = await startCross();
after(() => world.stop());

const tools = [
  { type: 'function' as const, function: { name: 'weather', description: 'of a city', parameters: WEATHER } },
  { type: 'function' as const, function: { name: 'clock', description: 'of a zone', parameters: CLOCK } },
];
type Model = ChatAnthropic | ChatOpenAI;
type Bound = Runnable<BaseMessage[], AIMessageChunk>;

interface Client {
  name: string;
  native: Provider;
  model(id: string, thinks?: boolean): Model;
  /** The model with a feature that some providers cannot express. */
  unsupported: { what: string; member: string; at: readonly Provider[]; model(id: string): Model };
  except?: Family['except'];
}

const textOf = (m: BaseMessage): string =>
  typeof m.content === 'string' ? m.content : m.content.map((b) => (b.type === 'text' ? String((b as { text: unknown }).text) : '')).join('');

/** Reasoning in LangChain's own form; the Responses model leaves it where the API had it. */
function thinkingOf(m: AIMessage): string {
  const blocks = m.contentBlocks.map((b) => (b.type === 'reasoning' ? String((b as { reasoning: unknown }).reasoning) : '')).join('');
  const item = m.additional_kwargs.reasoning as { summary?: { text: string }[] } | undefined;
  return blocks || (item?.summary ?? []).map((part) => part.text).join('');
}

async function ask(model: Bound, messages: BaseMessage[], streamed: boolean): Promise<{ message: AIMessageChunk; pieces: number }> {
  if (!streamed) return { message: await model.invoke(messages), pieces: 1 };
  let message: AIMessageChunk | undefined;
  let pieces = 0;
  for await (const chunk of await model.stream(messages)) {
    if (textOf(chunk)) pieces++;
    message = message ? message.concat(chunk) : chunk;
  }
  assert.ok(message, 'the stream had no chunk');
  return { message, pieces };
}

function failure(thrown: unknown): Failure {
  const e = thrown as Error & { status?: number; headers?: Headers };
  return { name: e?.constructor?.name ?? '', status: e.status, retryAfter: e.headers?.get('retry-after') ?? undefined, message: String(e.message) };
}

const said = (m: AIMessageChunk, pieces: number): Said => ({
  text: textOf(m),
  input: m.usage_metadata?.input_tokens ?? 0,
  output: m.usage_metadata?.output_tokens ?? 0,
  pieces,
});

function family(c: Client): Family {
  return {
    name: `langchain ${c.name}`,
    native: c.native,
    async plain(model, prompt) {
      const { message, pieces } = await ask(c.model(model) as Bound, [new HumanMessage(prompt)], false);
      return said(message, pieces);
    },
    async stream(model, prompt) {
      const { message, pieces } = await ask(c.model(model) as Bound, [new HumanMessage(prompt)], true);
      return said(message, pieces);
    },
    async tools(model, prompt, streamed): Promise<Looped> {
      const bound = (c.model(model) as ChatOpenAI).bindTools(tools) as unknown as Bound;
      const user = new HumanMessage(prompt);
      const { message } = await ask(bound, [user], streamed);
      const called = message.tool_calls ?? [];
      const results = called.map((t) => new ToolMessage({ tool_call_id: t.id ?? '', content: `answer of ${t.name}` }));
      const { message: end } = await ask(bound, [user, message, ...results], streamed);
      return { calls: called.map((t): Call => ({ name: t.name, input: t.args })), text: textOf(end) };
    },
    async thinking(model, prompt, streamed) {
      const thinker = c.model(model, true) as Bound;
      const user = new HumanMessage(prompt);
      const { message } = await ask(thinker, [user], streamed);
      const { message: end } = await ask(thinker, [user, message, new HumanMessage('go on')], streamed);
      return { thinking: thinkingOf(message), text: textOf(end) };
    },
    async image(model) {
      const content = [{ type: 'text', text: 'see' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } }];
      return textOf(await (c.model(model) as Bound).invoke([new HumanMessage({ content })]));
    },
    async structured(model) {
      return (c.model(model) as ChatOpenAI).withStructuredOutput({ title: 'shape', ...SHAPE }, { method: 'jsonSchema' }).invoke('an object');
    },
    failure,
    errors: { limited: 'RateLimitError', server: 'InternalServerError', broken: /^APIError$/ },
    unsupported: { ...c.unsupported, run: (model) => (c.unsupported.model(model) as Bound).invoke([new HumanMessage('x')]) },
    except: c.except,
  };
}

const anthropic = (model: string, more: object = {}): ChatAnthropic =>
  new ChatAnthropic({ model, apiKey: KEY, anthropicApiUrl: world.url, maxRetries: 0, maxTokens: 3000, ...more });
const openai = (model: string, more: object = {}): ChatOpenAI =>
  new ChatOpenAI({ model, apiKey: KEY, configuration: { baseURL: `${world.url}/v1` }, maxRetries: 0, ...more });
// LangChain sends `reasoning` itself only to names it knows as reasoning models.
const thinking = { reasoning: { effort: 'medium', summary: 'auto' }, include: ['reasoning.encrypted_content'] };
const stateless = { useResponsesApi: true, zdrEnabled: true };

const clients: Client[] = [
  {
    name: 'anthropic',
    native: 'anthropic',
    model: (id, thinks) => anthropic(id, thinks ? { thinking: { type: 'enabled', budget_tokens: 1024 } } : {}),
    unsupported: { what: 'top_k', member: 'top_k', at: ['chat', 'responses'], model: (id) => anthropic(id, { topK: 5 }) },
  },
  {
    name: 'openai chat',
    native: 'chat',
    model: (id) => openai(id),
    unsupported: {
      what: 'frequency_penalty',
      member: 'frequency_penalty',
      at: ['anthropic', 'responses', 'invoke', 'converse'],
      model: (id) => openai(id, { frequencyPenalty: 0.5 }),
    },
    except: Object.fromEntries(['anthropic', 'chat', 'responses', 'openrouter', 'invoke', 'converse'].map((p) => [p, { thinking: 'this model keeps no reasoning' }])),
  },
  {
    name: 'openai responses',
    native: 'responses',
    model: (id, thinks) => openai(id, { ...stateless, ...(thinks ? { modelKwargs: thinking } : {}) }),
    unsupported: {
      what: 'truncation',
      member: 'truncation',
      at: ['anthropic', 'chat', 'openrouter', 'invoke', 'converse'],
      model: (id) => openai(id, { ...stateless, modelKwargs: { truncation: 'auto' } }),
    },
  },
];
for (const client of clients) crossTests(family(client));

test('langchain embeddings', async () => {
  const model = new OpenAIEmbeddings({ model: 'text-embedding-sim', apiKey: KEY, dimensions: 8, configuration: { baseURL: `${world.url}/v1` } });
  const [one, two] = await model.embedDocuments(['first text', 'second text']);
  assert.equal(one?.length, 8);
  assert.notDeepEqual(one, two);
});
