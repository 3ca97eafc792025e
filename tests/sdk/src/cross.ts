// Every client against every kind of provider: the providers, the models that lead to them, and the table of what each client
// family must be able to do with each of them. A family describes its client once; crossTests makes the tests.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { KEY, direct, start, type Sim, type World } from './harness.js';

/** The kinds of target. Each model `via-KIND.anthropic.NAME` goes there as `sim-NAME`; clients of Bedrock look for the vendor in the name. */
export const PROVIDERS = ['anthropic', 'chat', 'responses', 'openrouter', 'invoke', 'converse'] as const;
export type Provider = (typeof PROVIDERS)[number];

export const SIM_AWS = { id: 'AKIASIMULATOR0000000', secret: 'sim-secret-access-key' };

/** A model that leads there and behaves so. */
export function via(provider: Provider, name: string): string {
  return direct ? `us.anthropic.sim-${name}` : `via-${provider}.anthropic.${name}`;
}

/** The same where the operator allows reasoning and top_k to be left out. */
export function lenient(provider: Provider, name: string): string {
  return `lenient-${via(provider, name)}`;
}

function crossConfig(sim: Sim, dir: string, extra = ''): string {
  const aws = `access_key_id: "${SIM_AWS.id}", secret_access_key: "${SIM_AWS.secret}"`;
  const target = (p: Provider): string => (p === 'invoke' || p === 'converse' ? 'us.anthropic.sim-*-v1:0' : 'sim-*');
  const models = PROVIDERS.map(
    (p) => `  - { name: "via-${p}.anthropic.*", targets: [ { provider: ${p}, model: "${target(p)}" } ] }
  - { name: "lenient-via-${p}.anthropic.*", targets: [ { provider: ${p}, model: "${target(p)}", leave_out: [thinking, top_k] } ] }`,
  );
  return `listen: 127.0.0.1:0
data_dir: ${dir}/data
workers: 2
breaker: { failures: 1000000 }
retry: { attempts: 0 }
providers:
  - { name: anthropic, kind: anthropic, base_url: "${sim.url}", credentials: [ { name: main, api_key: "sk-up-anthropic" } ] }
  - { name: chat, kind: openai, base_url: "${sim.url}/v1", wires: [openai_chat, openai_embeddings], credentials: [ { name: main, api_key: "sk-up-chat" } ] }
  - { name: responses, kind: openai, base_url: "${sim.url}/v1", wires: [openai_responses], credentials: [ { name: main, api_key: "sk-up-responses" } ] }
  - { name: openrouter, kind: openrouter, base_url: "${sim.url}/api/v1", credentials: [ { name: main, api_key: "sk-up-openrouter" } ] }
  - { name: invoke, kind: bedrock, region: us-east-1, base_url: "${sim.url}", wires: [bedrock_invoke], credentials: [ { name: main, ${aws} } ] }
  - { name: converse, kind: bedrock, region: us-east-1, base_url: "${sim.url}", wires: [bedrock_converse], credentials: [ { name: main, bearer: "sim-bearer" } ] }
models:
${models.join('\n')}
  - { name: text-embedding-sim, targets: [ { provider: chat, model: text-embedding-sim } ] }
keys:
  - { name: all, value: "${KEY}", models: ["*"] }
${extra}`;
}

export function startCross(extra = ''): Promise<World> {
  return start(extra, crossConfig);
}

export interface Said {
  text: string;
  input: number;
  output: number;
  /** Deltas of text, where it streamed. */
  pieces?: number;
}
export interface Call {
  name: string;
  input: unknown;
}
export interface Looped {
  calls: Call[];
  text: string;
}
/** A header that the client shows to nobody. */
export const HIDDEN = 'hidden';
/** What the client's own error class says. */
export interface Failure {
  name: string;
  status: number | undefined;
  retryAfter: string | undefined;
  message: string;
}

export interface Family {
  name: string;
  /** Where a client without a gateway would go; all that is run with WEIR_DIRECT=1. */
  native: Provider;
  plain(model: string, prompt: string): Promise<Said>;
  stream(model: string, prompt: string): Promise<Said>;
  /** Offers the tools weather and clock, answers both calls, and returns what was called and said at the end. */
  tools(model: string, prompt: string, streamed: boolean): Promise<Looped>;
  /** Two turns: what the first thought, and what the second said after all of the first was sent back. */
  thinking?(model: string, prompt: string, streamed: boolean): Promise<{ thinking: string; text: string }>;
  /** Sends PNG and returns what was said about it. */
  image?(model: string): Promise<string>;
  /** Asks for an object of SHAPE. */
  structured?(model: string): Promise<unknown>;
  failure(e: unknown): Failure;
  /** The names of the client's error classes. */
  errors: { limited: string; server: string; broken: RegExp };
  /** A feature some providers cannot express: the member named by the 400. */
  unsupported: { what: string; member: string; at: readonly Provider[]; run(model: string): Promise<unknown> };
  /** Where this client sends reasoning back without what proves it: refused by name, and accepted where it may be left out. */
  losesProof?(p: Provider, streamed: boolean): boolean;
  /** Where the reasoning goes back and is accepted but cannot be read. */
  hidesThinking?: readonly Provider[];
  /** What a provider cannot do for this family, with the reason. */
  except?: Partial<Record<Provider, Partial<Record<'thinking' | 'structured' | 'image', string>>>>;
}

export const PNG = 'iVBORw0KGgo='; // the eight bytes every PNG begins with
export const SHAPE = {
  type: 'object',
  properties: { city: { type: 'string' }, count: { type: 'integer' } },
  required: ['city', 'count'],
  additionalProperties: false,
} as const;
export const WEATHER = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } as const;
export const CLOCK = {
  type: 'object',
  properties: { zone: { type: 'string', enum: ['UTC'] } },
  required: ['zone'],
  additionalProperties: false,
} as const;

async function failureOf(family: Family, run: () => Promise<unknown>): Promise<Failure> {
  let answer: unknown;
  try {
    answer = await run();
  } catch (e) {
    return family.failure(e);
  }
  throw new Error(`did not fail but gave ${JSON.stringify(answer)}`);
}

function expectSaid(said: Said, prompt: string): void {
  assert.equal(said.text, `This is a simulated answer from weir-sim. You said: ${prompt}`);
  assert.ok(said.input > 0, `input tokens ${said.input}`);
  assert.ok(said.output > 0, `output tokens ${said.output}`);
}

function textTests(f: Family, p: Provider, name: (what: string) => string): void {
  test(name('plain'), async () => expectSaid(await f.plain(via(p, 'text'), 'good day, größe 中文'), 'good day, größe 中文'));
  test(name('streamed'), async () => {
    const said = await f.stream(via(p, 'text'), 'good day, größe 中文');
    expectSaid(said, 'good day, größe 中文');
    assert.ok((said.pieces ?? 0) > 2, `came in ${said.pieces} pieces`);
  });
  test(name('streamed to the gateway byte by byte'), async () => expectSaid(await f.stream(via(p, 'text+frame-1'), 'größe 中文'), 'größe 中文'));
}

function toolTests(f: Family, p: Provider, name: (what: string) => string): void {
  for (const streamed of [false, true]) {
    test(name(`parallel tool calls and their results${streamed ? ', streamed' : ''}`), async () => {
      const { calls, text } = await f.tools(via(p, 'tools'), 'use them', streamed);
      assert.deepEqual(calls.map((c) => c.name), ['weather', 'clock']);
      assert.equal(typeof (calls[0]?.input as { city: unknown }).city, 'string');
      assert.deepEqual(calls[1]?.input, { zone: 'UTC' });
      assert.match(text, /The tool said: .*answer of clock/);
    });
  }
}

async function expectThinking(f: Family, p: Provider, model: string, streamed: boolean): Promise<void> {
  const { thinking, text } = await f.thinking!(model, 'what then', streamed);
  if (!f.hidesThinking?.includes(p)) assert.match(thinking, /weir-sim pretends to think about: what then/);
  assert.match(text, /You said: go on/);
}

function thinkingTests(f: Family, p: Provider, name: (what: string) => string): void {
  const skip = f.except?.[p]?.thinking ?? !f.thinking;
  for (const streamed of [false, true]) {
    if (f.losesProof?.(p, streamed)) {
      test(name(`thinking, sent back without its proof, is refused unless it may be left out${streamed ? ', streamed' : ''}`), async () => {
        const e = await failureOf(f, () => f.thinking!(via(p, 'thinking'), 'what then', streamed));
        assert.equal(e.status, 400);
        assert.match(e.message, /thinking/);
        await expectThinking(f, p, lenient(p, 'thinking'), streamed);
      });
      continue;
    }
    test(name(`thinking, sent back and accepted${streamed ? ', streamed' : ''}`), { skip }, () => expectThinking(f, p, via(p, 'thinking'), streamed));
  }
}

/** Of the providers that hide a part of the reasoning. */
function redactedTests(f: Family, p: Provider, name: (what: string) => string): void {
  const hides: readonly Provider[] = ['anthropic', 'invoke', 'converse', 'openrouter'];
  if (!hides.includes(p)) return;
  for (const streamed of [false, true]) {
    const skip = f.except?.[p]?.thinking ?? (f.losesProof?.(p, streamed) || !f.thinking);
    test(name(`redacted thinking, sent back and accepted${streamed ? ', streamed' : ''}`), { skip }, () =>
      expectThinking(f, p, via(p, 'thinking+redacted'), streamed),
    );
  }
}

function contentTests(f: Family, p: Provider, name: (what: string) => string): void {
  test(name('an image arrives whole'), { skip: f.except?.[p]?.image ?? !f.image }, async () => {
    assert.match(await f.image!(via(p, 'image')), /Attachment 1: image, (image\/)?png, 8 bytes\./);
  });
  test(name('an object of a schema'), { skip: f.except?.[p]?.structured ?? !f.structured }, async () => {
    const object = (await f.structured!(via(p, 'text'))) as { city: unknown; count: unknown };
    assert.deepEqual(Object.keys(object).sort(), ['city', 'count']);
    assert.equal(typeof object.city, 'string');
    assert.ok(Number.isInteger(object.count), `count ${String(object.count)}`);
  });
}

function errorTests(f: Family, p: Provider, name: (what: string) => string): void {
  test(name('a rate limit is one in the client'), async () => {
    const e = await failureOf(f, () => f.plain(via(p, 'fail-429'), 'x'));
    assert.equal(e.name, f.errors.limited);
    assert.equal(e.status, 429);
    // Bedrock does not say when; the AWS client does not show headers of errors.
    if (p !== 'invoke' && p !== 'converse' && e.retryAfter !== HIDDEN) assert.ok(Number(e.retryAfter) > 0, `retry-after ${String(e.retryAfter)}`);
  });
  for (const streamed of [false, true]) {
    test(name(`a provider that fails is a server error in the client${streamed ? ', streamed' : ''}`), async () => {
      const e = await failureOf(f, () => (streamed ? f.stream : f.plain)(via(p, 'fail-500'), 'x'));
      assert.equal(e.name, f.errors.server);
      assert.ok((e.status ?? 0) >= 500, `status ${String(e.status)}`);
    });
  }
  for (const how of ['error', 'reset', 'cut'] as const) {
    const skip = direct && how !== 'error' && 'the gateway makes an error of it';
    test(name(`a stream broken by ${how} is an error in the client`), { skip }, async () => {
      const e = await failureOf(f, () => f.stream(via(p, `${how}-after-4`), 'a text long enough to be in the middle of it'));
      assert.match(e.name, f.errors.broken);
      assert.ok(e.message.length > 0);
    });
  }
  test(name(`${f.unsupported.what} is passed or refused by name`), async () => {
    if (!f.unsupported.at.includes(p)) {
      await f.unsupported.run(via(p, 'text'));
      return;
    }
    const e = await failureOf(f, () => f.unsupported.run(via(p, 'text')));
    assert.equal(e.status, 400);
    assert.ok(e.message.includes(f.unsupported.member), `"${e.message}" does not name ${f.unsupported.member}`);
  });
}

export function crossTests(f: Family): void {
  for (const p of PROVIDERS) {
    if (direct && p !== f.native) continue;
    const name = (what: string): string => `${f.name} -> ${p}: ${what}`;
    textTests(f, p, name);
    toolTests(f, p, name);
    thinkingTests(f, p, name);
    redactedTests(f, p, name);
    contentTests(f, p, name);
    errorTests(f, p, name);
  }
}

/** What a vendor's own base URL begins with behind the gateway's. */
export const OPENROUTER_MOUNT = direct ? '/api' : '/openrouter/api';
export const BEDROCK_MOUNT = direct ? '' : '/bedrock';
