// The AI SDK with each of its providers against every kind of provider.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { APICallError, Output, embedMany, generateText, isStepCount, jsonSchema, streamText, tool, type LanguageModel, type ModelMessage } from 'ai';
import { createAmazonBedrock } from '@ai-sdk/amazon-bedrock';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { KEY } from './harness.js';
import { BEDROCK_MOUNT, CLOCK, OPENROUTER_MOUNT, PNG, SHAPE, WEATHER, crossTests, startCross, type Call, type Failure, type Family, type Provider } from './cross.js';

const world = await startCross();
after(() => world.stop());

type Options = NonNullable<Parameters<typeof generateText>[0]['providerOptions']>;
interface Client {
  name: string;
  native: Provider;
  model(id: string): LanguageModel;
  /** What makes this provider think. */
  thinking?: Options;
  /** Options of one call that some providers cannot express. */
  unsupported: { what: string; member: string; at: readonly Provider[]; call: { topK?: number; seed?: number; frequencyPenalty?: number; providerOptions?: Options } };
  hidesThinking?: Family['hidesThinking'];
  losesProof?: Family['losesProof'];
  /** For every call. */
  options?: Options;
  except?: Family['except'];
}

const tools = {
  weather: tool({ description: 'of a city', inputSchema: jsonSchema<{ city: string }>({ ...WEATHER, required: ['city'] }), execute: () => 'answer of weather' }),
  clock: tool({ inputSchema: jsonSchema<{ zone: string }>({ ...CLOCK, required: ['zone'] }), execute: () => 'answer of clock' }),
};

/** The call's own error: streams and retries wrap it. */
function failure(thrown: unknown): Failure {
  const e = thrown as Error & { lastError?: Error };
  const call = APICallError.isInstance(e) ? e : APICallError.isInstance(e.lastError) ? e.lastError : undefined;
  if (!call) return { name: e.name ?? typeof thrown, status: undefined, retryAfter: undefined, message: e.message ?? JSON.stringify(thrown) };
  const body = call.responseBody ?? '';
  return { name: 'APICallError', status: call.statusCode, retryAfter: call.responseHeaders?.['retry-after'], message: call.message + body };
}

/** streamText hands errors to onError and into the stream, and throws nothing. */
async function streamed(ask: Parameters<typeof streamText>[0]): Promise<{ result: ReturnType<typeof streamText>; pieces: number }> {
  let failed: unknown;
  let pieces = 0;
  const result = streamText({ ...ask, maxRetries: 0, onError: ({ error }) => void (failed ??= error) });
  for await (const part of result.fullStream) {
    if (part.type === 'text-delta') pieces++;
    if (part.type === 'error') failed ??= part.error;
  }
  if (failed !== undefined) throw failed instanceof Error ? failed : new Error(JSON.stringify(failed), { cause: failed });
  return { result, pieces };
}

function family(c: Client): Family {
  return {
    name: `ai ${c.name}`,
    native: c.native,
    async plain(model, prompt) {
      const r = await generateText({ model: c.model(model), prompt, maxRetries: 0 });
      assert.equal(r.finishReason, 'stop');
      return { text: r.text, input: r.usage.inputTokens ?? 0, output: r.usage.outputTokens ?? 0 };
    },
    async stream(model, prompt) {
      const { result, pieces } = await streamed({ model: c.model(model), prompt });
      const usage = await result.usage;
      // An error of OpenRouter's that a client of OpenAI's knows only as a strange reason to finish.
      if (['error', 'other'].includes(await result.finishReason)) throw new APICallError({ message: 'error', url: '', requestBodyValues: {} });
      assert.equal(await result.finishReason, 'stop');
      return { text: await result.text, input: usage.inputTokens ?? 0, output: usage.outputTokens ?? 0, pieces };
    },
    async tools(model, prompt, isStreamed) {
      const ask = { model: c.model(model), prompt, tools, stopWhen: isStepCount(3), providerOptions: c.options };
      const { result } = isStreamed ? await streamed(ask) : { result: await generateText({ ...ask, maxRetries: 0 }) };
      const steps = await result.steps;
      const calls = steps.flatMap((s) => s.toolCalls).map((t): Call => ({ name: t.toolName, input: t.input }));
      return { calls, text: await result.text };
    },
    thinking: c.thinking && (async (model, prompt, isStreamed) => {
      const ask = { model: c.model(model), providerOptions: c.thinking };
      const user: ModelMessage = { role: 'user', content: prompt };
      const first = { ...ask, messages: [user] };
      const { result } = isStreamed ? await streamed(first) : { result: await generateText({ ...first, maxRetries: 0 }) };
      const said = (await result.response).messages as ModelMessage[];
      const end = await generateText({ ...ask, messages: [user, ...said, { role: 'user', content: 'go on' }], maxRetries: 0 });
      return { thinking: (await result.reasoningText) ?? '', text: end.text };
    }),
    async image(model) {
      const content = [{ type: 'text' as const, text: 'see' }, { type: 'file' as const, data: PNG, mediaType: 'image/png' }];
      return (await generateText({ model: c.model(model), messages: [{ role: 'user', content }], maxRetries: 0 })).text;
    },
    async structured(model) {
      const schema = jsonSchema<{ city: string; count: number }>({ ...SHAPE, required: ['city', 'count'] });
      return (await generateText({ model: c.model(model), prompt: 'an object', output: Output.object({ schema }), maxRetries: 0 })).output;
    },
    failure,
    errors: { limited: 'APICallError', server: 'APICallError', broken: /^(AI_StreamProviderError|APICallError)$/ },
    unsupported: {
      ...c.unsupported,
      run: (model) => generateText({ model: c.model(model), prompt: 'x', maxRetries: 0, ...c.unsupported.call }),
    },
    hidesThinking: c.hidesThinking,
    losesProof: c.losesProof,
    except: c.except,
  };
}

const anthropic = createAnthropic({ baseURL: `${world.url}/v1`, apiKey: KEY });
const openai = createOpenAI({ baseURL: `${world.url}/v1`, apiKey: KEY });
const compatible = createOpenAICompatible({ name: 'weir', baseURL: `${world.url}/v1`, apiKey: KEY, includeUsage: true, supportsStructuredOutputs: true });
const openrouter = createOpenRouter({ baseURL: `${world.url}${OPENROUTER_MOUNT}/v1`, apiKey: KEY, compatibility: 'strict' });
const bedrock = createAmazonBedrock({ region: 'us-east-1', baseURL: `${world.url}${BEDROCK_MOUNT}`, apiKey: KEY });

const clients: Client[] = [
  {
    name: 'anthropic',
    native: 'anthropic',
    model: (id) => anthropic(id),
    thinking: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } },
    unsupported: { what: 'topK', member: 'top_k', at: ['chat', 'responses'], call: { topK: 5 } },
  },
  {
    name: 'openai responses',
    native: 'responses',
    model: (id) => openai.responses(id),
    options: { openai: { store: false } }, // else it sends references to items that OpenAI keeps
    thinking: { openai: { forceReasoning: true, reasoningEffort: 'medium', reasoningSummary: 'auto', store: false, include: ['reasoning.encrypted_content'] } },
    unsupported: {
      what: 'truncation',
      member: 'truncation',
      at: ['anthropic', 'chat', 'openrouter', 'invoke', 'converse'],
      call: { providerOptions: { openai: { truncation: 'auto' } } },
    },
  },
  {
    name: 'openai chat',
    native: 'chat',
    model: (id) => openai.chat(id),
    unsupported: { what: 'seed', member: 'seed', at: ['anthropic', 'responses', 'invoke', 'converse'], call: { seed: 7 } },
  },
  {
    name: 'openai-compatible',
    native: 'chat',
    model: (id) => compatible(id),
    thinking: { weir: { reasoningEffort: 'medium' } },
    hidesThinking: ['responses'], // a summary must be asked for, and the chat API has no word for that
    losesProof: (p) => p === 'anthropic' || p === 'invoke' || p === 'converse', // it keeps the text alone
    unsupported: { what: 'seed', member: 'seed', at: ['anthropic', 'responses', 'invoke', 'converse'], call: { seed: 7 } },
  },
  {
    name: 'openrouter',
    native: 'openrouter',
    model: (id) => openrouter(id),
    thinking: { openrouter: { reasoning: { max_tokens: 1024 } } },
    losesProof: (p, streamed) => p === 'responses' && !streamed, // of plain answers it keeps no encrypted part
    except: { chat: { thinking: 'its `reasoning` goes byte for byte to a server that does not know it' } },
    unsupported: { what: 'seed', member: 'seed', at: ['anthropic', 'responses', 'invoke', 'converse'], call: { seed: 7 } },
  },
  {
    name: 'amazon-bedrock',
    native: 'converse',
    model: (id) => bedrock(id),
    thinking: { bedrock: { reasoningConfig: { type: 'enabled', budgetTokens: 1024 } } },
    unsupported: {
      what: 'top_k',
      member: 'top_k',
      at: ['chat', 'responses'],
      call: { providerOptions: { bedrock: { additionalModelRequestFields: { top_k: 5 } } } },
    },
  },
];
for (const client of clients) crossTests(family(client));

test('ai embeddings', async () => {
  const { embeddings, usage } = await embedMany({
    model: openai.embedding('text-embedding-sim'),
    values: ['first text', 'second text'],
    providerOptions: { openai: { dimensions: 8 } },
    maxRetries: 0,
  });
  assert.deepEqual(embeddings.map((e) => e.length), [8, 8]);
  assert.ok(usage.tokens > 0);
});
