// Clients of Bedrock against every kind of provider: the AWS SDK (HTTP/2 and signed, HTTP/1.1 with a bearer key; Converse and
// InvokeModel) and Anthropic's SDK for Bedrock.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import AnthropicBedrock from '@anthropic-ai/bedrock-sdk';
import {
  BedrockRuntimeClient,
  ConverseCommand,
  ConverseStreamCommand,
  InvokeModelCommand,
  InvokeModelWithResponseStreamCommand,
  type BedrockRuntimeClientConfig,
  type ContentBlock,
  type ConverseCommandInput,
  type Message,
  type Tool,
} from '@aws-sdk/client-bedrock-runtime';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { Anthropic, KEY, direct, needsWeir, textOf } from './harness.js';
import { BEDROCK_MOUNT, CLOCK, HIDDEN, PNG, SHAPE, SIM_AWS, WEATHER, crossTests, startCross, via, type Call, type Failure, type Family, type Looped, type Said } from './cross.js';

const world = await startCross();
const endpoint = `${world.url}${BEDROCK_MOUNT}`;

/** The pair that signs for a virtual key. */
async function signingPair(): Promise<{ accessKeyId: string; secretAccessKey: string }> {
  if (direct) return { accessKeyId: SIM_AWS.id, secretAccessKey: SIM_AWS.secret };
  const { code, out } = await world.weir.command('key', 'create', '--name', 'aws');
  const id = /access_key_id\W+(\S+)/i.exec(out)?.[1];
  const secret = /secret_access_key\W+(\S+)/i.exec(out)?.[1];
  assert.ok(code === 0 && id && secret, `weir key create printed no pair:\n${out}`);
  return { accessKeyId: id, secretAccessKey: secret };
}
const credentials = await signingPair();
const base: BedrockRuntimeClientConfig = { region: 'us-east-1', endpoint, maxAttempts: 1 };
const overHttp1 = (): NodeHttpHandler => new NodeHttpHandler();
/** HTTP/2 with prior knowledge is what the SDK does by itself; the simulator alone does not speak it. */
const signed = new BedrockRuntimeClient({ ...base, credentials, ...(direct ? { requestHandler: overHttp1() } : {}) });
const bearer = new BedrockRuntimeClient({ ...base, token: { token: KEY }, authSchemePreference: ['httpBearerAuth'], requestHandler: overHttp1() });
after(async () => {
  signed.destroy();
  bearer.destroy();
  await world.stop();
});

const user = (...content: ContentBlock[]): Message => ({ role: 'user', content });
const textIn = (content: ContentBlock[]): string => content.map((b) => b.text ?? '').join('');
const toolOf = (name: string, schema: object): Tool => ({ toolSpec: { name, description: `the ${name}`, inputSchema: { json: schema as never } } });
const toolConfig = { tools: [toolOf('weather', WEATHER), toolOf('clock', CLOCK)] };
const thinks = { additionalModelRequestFields: { thinking: { type: 'enabled', budget_tokens: 1024 } } };

function failure(thrown: unknown): Failure {
  const e = thrown as Error & { $metadata?: { httpStatusCode?: number } };
  return { name: e.name, status: e.$metadata?.httpStatusCode, retryAfter: HIDDEN, message: e.message };
}

interface Conversed {
  content: ContentBlock[];
  stop: string | undefined;
  input: number;
  output: number;
  pieces: number;
}

/** What a client makes of the events of a stream: the same message as the plain answer has. */
async function streamed(client: BedrockRuntimeClient, ask: ConverseCommandInput): Promise<Conversed> {
  const answer = await client.send(new ConverseStreamCommand(ask));
  const said: Conversed = { content: [], stop: undefined, input: 0, output: 0, pieces: 0 };
  const inputs: string[] = [];
  for await (const event of answer.stream ?? []) {
    const start = event.contentBlockStart;
    if (start?.start?.toolUse) said.content[start.contentBlockIndex ?? 0] = { toolUse: { ...start.start.toolUse, input: {} } } as ContentBlock;
    const at = event.contentBlockDelta?.contentBlockIndex ?? 0;
    const delta = event.contentBlockDelta?.delta;
    const known = said.content[at];
    if (delta?.text !== undefined) {
      said.pieces++;
      said.content[at] = { text: (known?.text ?? '') + delta.text };
    } else if (delta?.toolUse) {
      inputs[at] = (inputs[at] ?? '') + (delta.toolUse.input ?? '');
    } else if (delta?.reasoningContent?.redactedContent) {
      said.content[at] = { reasoningContent: { redactedContent: delta.reasoningContent.redactedContent } };
    } else if (delta?.reasoningContent) {
      const before = known?.reasoningContent?.reasoningText;
      const { text, signature } = delta.reasoningContent;
      said.content[at] = { reasoningContent: { reasoningText: { text: (before?.text ?? '') + (text ?? ''), signature: signature ?? before?.signature } } };
    }
    if (event.messageStop) said.stop = event.messageStop.stopReason;
    if (event.metadata?.usage) Object.assign(said, { input: event.metadata.usage.inputTokens, output: event.metadata.usage.outputTokens });
  }
  inputs.forEach((json, i) => {
    const tool = said.content[i]?.toolUse;
    if (tool) tool.input = JSON.parse(json || '{}') as never;
  });
  said.content = said.content.filter(() => true);
  return said;
}

async function converse(client: BedrockRuntimeClient, ask: ConverseCommandInput, isStreamed: boolean): Promise<Conversed> {
  if (isStreamed) return streamed(client, ask);
  const answer = await client.send(new ConverseCommand(ask));
  const { inputTokens, outputTokens } = answer.usage ?? {};
  return { content: answer.output?.message?.content ?? [], stop: answer.stopReason, input: inputTokens ?? 0, output: outputTokens ?? 0, pieces: 1 };
}

const errors = { limited: 'ThrottlingException', server: 'InternalServerException', broken: /^(ModelStreamError|InternalServer|ServiceUnavailable)Exception$/ };

function converseFamily(name: string, client: BedrockRuntimeClient): Family {
  const text = async (modelId: string, prompt: string, isStreamed: boolean): Promise<Said> => {
    const said = await converse(client, { modelId, messages: [user({ text: prompt })] }, isStreamed);
    assert.equal(said.stop, 'end_turn');
    return { ...said, text: textIn(said.content) };
  };
  return {
    name: `aws converse ${name}`,
    native: 'converse',
    plain: (model, prompt) => text(model, prompt, false),
    stream: (model, prompt) => text(model, prompt, true),
    async tools(modelId, prompt, isStreamed): Promise<Looped> {
      const messages = [user({ text: prompt })];
      const first = await converse(client, { modelId, messages, toolConfig }, isStreamed);
      assert.equal(first.stop, 'tool_use');
      const called = first.content.flatMap((b) => (b.toolUse ? [b.toolUse] : []));
      const results = called.map((c): ContentBlock => ({ toolResult: { toolUseId: c.toolUseId, content: [{ text: `answer of ${c.name}` }] } }));
      const end = await converse(client, { modelId, messages: [...messages, { role: 'assistant', content: first.content }, user(...results)], toolConfig }, isStreamed);
      return { calls: called.map((c): Call => ({ name: c.name ?? '', input: c.input })), text: textIn(end.content) };
    },
    async thinking(modelId, prompt, isStreamed) {
      const messages = [user({ text: prompt })];
      const first = await converse(client, { modelId, messages, ...thinks }, isStreamed);
      const thinking = first.content.map((b) => b.reasoningContent?.reasoningText?.text ?? '').join('');
      const again = [...messages, { role: 'assistant' as const, content: first.content }, user({ text: 'go on' })];
      return { thinking, text: textIn((await converse(client, { modelId, messages: again, ...thinks }, isStreamed)).content) };
    },
    async image(modelId) {
      const image: ContentBlock = { image: { format: 'png', source: { bytes: Buffer.from(PNG, 'base64') } } };
      return textIn((await converse(client, { modelId, messages: [user({ text: 'see' }, image)] }, false)).content);
    },
    async structured(modelId) {
      const outputConfig = { textFormat: { type: 'json_schema' as const, structure: { jsonSchema: { name: 'shape', schema: JSON.stringify(SHAPE) } } } };
      return JSON.parse(textIn((await converse(client, { modelId, messages: [user({ text: 'an object' })], outputConfig }, false)).content));
    },
    failure,
    errors,
    unsupported: {
      what: 'guardrailConfig',
      member: 'guardrailConfig',
      at: ['anthropic', 'chat', 'responses', 'openrouter', 'invoke'],
      run: (modelId) =>
        converse(client, { modelId, messages: [user({ text: 'x' })], guardrailConfig: { guardrailIdentifier: 'abcdefgh', guardrailVersion: '1' } }, false),
    },
  };
}

const anthropicTools: Anthropic.Tool[] = [
  { name: 'weather', description: 'of a city', input_schema: { ...WEATHER, required: ['city'] } },
  { name: 'clock', input_schema: { ...CLOCK, required: ['zone'] } },
];
type AnthropicMessage = Anthropic.MessageParam;
const fromUser = (content: AnthropicMessage['content']): AnthropicMessage => ({ role: 'user', content });

/** InvokeModel with Anthropic's bodies, by hand as users of the AWS SDK do, or through Anthropic's own SDK for Bedrock. */
type Send = (model: string, body: Omit<Anthropic.MessageCreateParamsNonStreaming, 'model'>, isStreamed: boolean) => Promise<{ message: Anthropic.Message; pieces: number }>;

/** Events put together into the message that the plain answer would be. */
async function assembled(events: AsyncIterable<Anthropic.RawMessageStreamEvent>): Promise<{ message: Anthropic.Message; pieces: number }> {
  let message: Anthropic.Message | undefined;
  let pieces = 0;
  let json = '';
  let ended = false;
  for await (const e of events) {
    if (e.type === 'message_start') message = structuredClone(e.message);
    if (!message) throw new Error(`the stream begins with ${e.type}`);
    if (e.type === 'content_block_start') {
      message.content.push(structuredClone(e.content_block));
      json = '';
    }
    const block = message.content.at(-1);
    if (e.type === 'content_block_delta') {
      if (e.delta.type === 'text_delta' && block?.type === 'text') {
        pieces++;
        block.text += e.delta.text;
      }
      if (e.delta.type === 'input_json_delta') json += e.delta.partial_json;
      if (e.delta.type === 'thinking_delta' && block?.type === 'thinking') block.thinking += e.delta.thinking;
      if (e.delta.type === 'signature_delta' && block?.type === 'thinking') block.signature = e.delta.signature;
    }
    if (e.type === 'content_block_stop' && block?.type === 'tool_use') block.input = JSON.parse(json || '{}');
    if (e.type === 'message_delta') {
      message.stop_reason = e.delta.stop_reason;
      message.usage.output_tokens = e.usage.output_tokens;
    }
    if (e.type === 'message_stop') ended = true;
  }
  assert.ok(message && ended, 'the stream has no end');
  return { message, pieces };
}

async function* chunks(body: AsyncIterable<{ chunk?: { bytes?: Uint8Array } }> | undefined): AsyncIterable<Anthropic.RawMessageStreamEvent> {
  for await (const event of body ?? []) {
    if (event.chunk?.bytes) yield JSON.parse(Buffer.from(event.chunk.bytes).toString()) as Anthropic.RawMessageStreamEvent;
  }
}

const invoke: Send = async (modelId, ask, isStreamed) => {
  const body = JSON.stringify({ anthropic_version: 'bedrock-2023-05-31', ...ask });
  const input = { modelId, body, contentType: 'application/json', accept: 'application/json' };
  if (isStreamed) return assembled(chunks((await signed.send(new InvokeModelWithResponseStreamCommand(input))).body));
  const answer = await signed.send(new InvokeModelCommand(input));
  return { message: JSON.parse(Buffer.from(answer.body ?? []).toString()) as Anthropic.Message, pieces: 1 };
};

const bedrockSdk = new AnthropicBedrock({
  baseURL: endpoint,
  awsRegion: 'us-east-1',
  awsAccessKey: credentials.accessKeyId,
  awsSecretKey: credentials.secretAccessKey,
  maxRetries: 0,
});
const throughSdk: Send = async (model, ask, isStreamed) => {
  if (!isStreamed) return { message: (await bedrockSdk.messages.create({ ...ask, model })) as Anthropic.Message, pieces: 1 };
  return assembled((await bedrockSdk.messages.create({ ...ask, model, stream: true })) as AsyncIterable<Anthropic.RawMessageStreamEvent>);
};

function invokeFamily(name: string, send: Send, says: Pick<Family, 'failure' | 'errors'>): Family {
  const text = async (model: string, prompt: string, isStreamed: boolean): Promise<Said> => {
    const { message: m, pieces } = await send(model, { max_tokens: 500, messages: [fromUser(prompt)] }, isStreamed);
    assert.equal(m.stop_reason, 'end_turn');
    return { text: textOf(m.content), input: m.usage.input_tokens, output: m.usage.output_tokens, pieces };
  };
  return {
    name,
    native: 'invoke',
    plain: (model, prompt) => text(model, prompt, false),
    stream: (model, prompt) => text(model, prompt, true),
    async tools(model, prompt, isStreamed): Promise<Looped> {
      const ask = { max_tokens: 500, tools: anthropicTools, messages: [fromUser(prompt)] };
      const { message: first } = await send(model, ask, isStreamed);
      const called = first.content.filter((b) => b.type === 'tool_use');
      const results = called.map((c) => ({ type: 'tool_result' as const, tool_use_id: c.id, content: `answer of ${c.name}` }));
      const messages: AnthropicMessage[] = [...ask.messages, { role: 'assistant', content: first.content }, fromUser(results)];
      const { message: end } = await send(model, { ...ask, messages }, isStreamed);
      return { calls: called.map((c): Call => ({ name: c.name, input: c.input })), text: textOf(end.content) };
    },
    async thinking(model, prompt, isStreamed) {
      const ask = { max_tokens: 3000, thinking: { type: 'enabled' as const, budget_tokens: 1024 }, messages: [fromUser(prompt)] };
      const { message: first } = await send(model, ask, isStreamed);
      const thinking = first.content.map((b) => (b.type === 'thinking' ? b.thinking : '')).join('');
      const messages: AnthropicMessage[] = [...ask.messages, { role: 'assistant', content: first.content }, fromUser('go on')];
      return { thinking, text: textOf((await send(model, { ...ask, messages }, isStreamed)).message.content) };
    },
    async image(model) {
      const image = { type: 'image' as const, source: { type: 'base64' as const, media_type: 'image/png' as const, data: PNG } };
      return textOf((await send(model, { max_tokens: 500, messages: [fromUser([image, { type: 'text', text: 'see' }])] }, false)).message.content);
    },
    async structured(model) {
      const output_config = { format: { type: 'json_schema' as const, schema: { ...SHAPE } } };
      return JSON.parse(textOf((await send(model, { max_tokens: 500, messages: [fromUser('an object')], output_config }, false)).message.content));
    },
    ...says,
    unsupported: {
      what: 'top_k',
      member: 'top_k',
      at: ['chat', 'responses'],
      run: (model) => send(model, { max_tokens: 10, messages: [fromUser('x')], top_k: 5 } as unknown as Anthropic.MessageCreateParamsNonStreaming, false),
    },
  };
}

function sdkFailure(e: unknown): Failure {
  const api = e as InstanceType<typeof Anthropic.APIError>;
  return { name: e?.constructor?.name ?? '', status: api.status, retryAfter: api.headers?.get('retry-after') ?? undefined, message: String(api.message) };
}

crossTests(converseFamily('signed, HTTP/2', signed));
crossTests(converseFamily('bearer, HTTP/1.1', bearer));
crossTests(invokeFamily('aws invoke', invoke, { failure, errors }));
crossTests(invokeFamily('anthropic bedrock-sdk', throughSdk, { failure: sdkFailure, errors: { limited: 'RateLimitError', server: 'InternalServerError', broken: /^APIError$/ } }));

test('aws: a signature with another secret, an unknown pair and a wrong bearer are refused as AWS does', { skip: needsWeir }, async () => {
  const ask = { modelId: via('converse', 'text'), messages: [user({ text: 'x' })] };
  const others: BedrockRuntimeClientConfig[] = [
    { credentials: { ...credentials, secretAccessKey: `${credentials.secretAccessKey}x` } },
    { credentials: { accessKeyId: 'AKIAUNKNOWN000000000', secretAccessKey: credentials.secretAccessKey } },
    { token: { token: 'wk-not-a-key-000001' }, authSchemePreference: ['httpBearerAuth'] },
  ];
  for (const other of others) {
    const client = new BedrockRuntimeClient({ ...base, ...other, requestHandler: overHttp1() });
    await assert.rejects(client.send(new ConverseCommand(ask)), (e) => failure(e).status === 403 || failure(e).status === 401);
    client.destroy();
  }
});

test('aws: a model id with a colon is signed and found', async () => {
  const modelId = direct ? 'us.anthropic.sim-text-v1:0' : `${via('converse', 'text-v1')}:0`;
  const said = await converse(signed, { modelId, messages: [user({ text: 'x' })] }, false);
  assert.match(textIn(said.content), /You said: x/);
});
