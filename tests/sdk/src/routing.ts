// What the tests of routing have in common: a gateway before two simulators, clients of three vendors that tell what they heard
// whatever becomes of a call, and the numbers and answers that an operator looks at.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand, type ConverseStreamOutput } from '@aws-sdk/client-bedrock-runtime';
import { Anthropic, OpenAI, Sim, Weir, eventually, type LedgerRow } from './harness.js';

export interface Pair {
  a: Sim;
  b: Sim;
  weir: Weir;
  stop(): Promise<void>;
}

/** Two simulators and a gateway whose configuration names them. The gateway must end well, and its balances must hold. */
export async function startPair(write: (a: string, b: string) => string): Promise<Pair> {
  const [a, b] = await Promise.all([Sim.start(), Sim.start()]);
  const weir = await Weir.start(a, '', (_, dir) => `listen: 127.0.0.1:0\ndata_dir: ${dir}/data\nworkers: 2\n${write(a.url, b.url)}`);
  const stop = async (): Promise<void> => {
    const verified = await weir.command('ledger', 'verify');
    const code = await weir.stop();
    await Promise.all([a.stop(), b.stop()]);
    assert.equal(code, 0, weir.logs().slice(-6000));
    assert.equal(verified.code, 0, verified.out);
  };
  return { a, b, weir, stop };
}

export const SIM_BEARER = 'sim-bearer';
/** One provider of a kind at a simulator, with its own name and one credential. */
export function provider(name: string, kind: 'anthropic' | 'openai' | 'openrouter' | 'bedrock', url: string, more = ''): string {
  const base = { anthropic: url, openai: `${url}/v1`, openrouter: `${url}/api/v1`, bedrock: url }[kind];
  const secret = kind === 'bedrock' ? `bearer: "${SIM_BEARER}-${name}"` : `api_key: "sk-${name}"`;
  const region = kind === 'bedrock' ? 'region: us-east-1, ' : '';
  const credentials = more.includes('credentials:') ? '' : `, credentials: [ { name: main, ${secret} } ]`;
  return `  - { name: ${name}, kind: ${kind}, ${region}base_url: "${base}"${credentials}${more ? `, ${more}` : ''} }`;
}
/** A model and its targets, each "PROVIDER MODEL" with more members behind it. */
export function model(name: string, targets: string[], more = ''): string {
  const list = targets.map((t) => {
    const [at, called, ...rest] = t.split(' ');
    return `{ provider: ${at}, model: "${called}"${rest.length ? `, ${rest.join(' ')}` : ''} }`;
  });
  return `  - { name: "${name}", targets: [ ${list.join(', ')} ]${more ? `, ${more}` : ''} }`;
}

/** What a client's error says. */
export interface Failure {
  name: string;
  status: number | undefined;
  retryAfter: string | undefined;
  message: string;
}
/** What a caller was told: the text, whether it was said to be whole, and the error that its client threw. */
export interface Heard {
  text: string;
  ended: boolean;
  input: number;
  error?: Failure;
}
export interface Wish {
  stream?: boolean;
  key?: string;
  signal?: AbortSignal;
  /** Called with each piece of text of a stream. */
  onPiece?: (text: string) => void;
}
export interface Caller {
  name: string;
  call(model: string, prompt: string, wish?: Wish): Promise<Heard>;
}

function failureOf(thrown: unknown): Failure {
  const e = thrown as Error & { status?: number; headers?: Headers; $metadata?: { httpStatusCode?: number }; $response?: { headers?: Record<string, string> } };
  return {
    name: e.constructor?.name === 'Error' || e.$metadata ? e.name : e.constructor.name,
    status: e.status ?? e.$metadata?.httpStatusCode,
    retryAfter: e.headers?.get?.('retry-after') ?? e.$response?.headers?.['retry-after'],
    message: e.message,
  };
}

/** Runs one call; whatever it throws becomes part of what was heard. */
async function hear(run: (heard: Heard) => Promise<void>): Promise<Heard> {
  const heard: Heard = { text: '', ended: false, input: 0 };
  try {
    await run(heard);
  } catch (e) {
    if (e instanceof assert.AssertionError) throw e;
    heard.error = failureOf(e);
  }
  return heard;
}

function anthropicCaller(url: string, key: string): Caller {
  return {
    name: 'anthropic',
    call: (model, prompt, wish = {}) =>
      hear(async (heard) => {
        const client = new Anthropic({ baseURL: url, apiKey: wish.key ?? key, maxRetries: 0 });
        const ask = { model, max_tokens: 500, messages: [{ role: 'user' as const, content: prompt }] };
        const options = wish.signal ? { signal: wish.signal } : {};
        if (!wish.stream) {
          const m = await client.messages.create(ask, options);
          heard.text = m.content.map((b) => (b.type === 'text' ? b.text : '')).join('');
          heard.ended = m.stop_reason !== null;
          heard.input = m.usage.input_tokens;
          return;
        }
        for await (const event of await client.messages.create({ ...ask, stream: true }, options)) {
          assert.ok(!heard.ended, `${event.type} behind the end`);
          if (event.type === 'message_start') heard.input = event.message.usage.input_tokens;
          if (event.type === 'message_stop') heard.ended = true;
          if (event.type !== 'content_block_delta' || event.delta.type !== 'text_delta') continue;
          heard.text += event.delta.text;
          wish.onPiece?.(event.delta.text);
        }
      }),
  };
}

function openaiCaller(url: string, key: string): Caller {
  return {
    name: 'openai',
    call: (model, prompt, wish = {}) =>
      hear(async (heard) => {
        const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: wish.key ?? key, maxRetries: 0 });
        const ask = { model, messages: [{ role: 'user' as const, content: prompt }] };
        const options = wish.signal ? { signal: wish.signal } : {};
        if (!wish.stream) {
          const c = await client.chat.completions.create(ask, options);
          heard.text = c.choices[0]?.message.content ?? '';
          heard.ended = c.choices[0]?.finish_reason !== null;
          heard.input = c.usage?.prompt_tokens ?? 0;
          return;
        }
        for await (const chunk of await client.chat.completions.create({ ...ask, stream: true }, options)) {
          const choice = chunk.choices[0];
          if (choice?.finish_reason) heard.ended = true;
          if (!choice?.delta.content) continue;
          assert.ok(!heard.ended, 'content behind the end');
          heard.text += choice.delta.content;
          wish.onPiece?.(choice.delta.content);
        }
      }),
  };
}

function takeConverse(event: ConverseStreamOutput, heard: Heard, wish: Wish): void {
  if (event.messageStop) heard.ended = true;
  if (event.metadata?.usage) heard.input = event.metadata.usage.inputTokens ?? 0;
  const text = event.contentBlockDelta?.delta?.text;
  if (text === undefined) return;
  assert.ok(!heard.ended, 'content behind the end');
  heard.text += text;
  wish.onPiece?.(text);
}

/** The AWS SDK, over HTTP/2 as it comes. */
function bedrockCaller(url: string, key: string): Caller & { destroy(): void } {
  const clients = new Map<string, BedrockRuntimeClient>();
  const clientOf = (token: string): BedrockRuntimeClient => {
    const known = clients.get(token);
    if (known) return known;
    const made = new BedrockRuntimeClient({ region: 'us-east-1', endpoint: `${url}/bedrock`, maxAttempts: 1, token: { token }, authSchemePreference: ['httpBearerAuth'] });
    clients.set(token, made);
    return made;
  };
  return {
    name: 'bedrock',
    destroy: () => clients.forEach((c) => c.destroy()),
    call: (modelId, prompt, wish = {}) =>
      hear(async (heard) => {
        const ask = { modelId, messages: [{ role: 'user' as const, content: [{ text: prompt }] }] };
        const options = wish.signal ? { abortSignal: wish.signal } : {};
        if (!wish.stream) {
          const answer = await clientOf(wish.key ?? key).send(new ConverseCommand(ask), options);
          heard.text = (answer.output?.message?.content ?? []).map((b) => b.text ?? '').join('');
          heard.ended = answer.stopReason !== undefined;
          heard.input = answer.usage?.inputTokens ?? 0;
          return;
        }
        const answer = await clientOf(wish.key ?? key).send(new ConverseStreamCommand(ask), options);
        for await (const event of answer.stream ?? []) takeConverse(event, heard, wish);
      }),
  };
}

export interface Callers {
  anthropic: Caller;
  openai: Caller;
  bedrock: Caller;
  all: Caller[];
  destroy(): void;
}
export function callersOf(url: string, key: string): Callers {
  const anthropic = anthropicCaller(url, key);
  const openai = openaiCaller(url, key);
  const bedrock = bedrockCaller(url, key);
  return { anthropic, openai, bedrock, all: [anthropic, openai, bedrock], destroy: () => bedrock.destroy() };
}

/** What a simulator says to a prompt. */
export function echo(prompt: string): string {
  return `This is a simulated answer from weir-sim. You said: ${prompt}`;
}
export function expectWhole(heard: Heard, text: string): void {
  assert.deepEqual(heard.error, undefined);
  assert.equal(heard.text, text);
  assert.ok(heard.ended, 'it was not said to be whole');
}
/** Cut after its first bytes: what came is right, and nobody takes it for all. */
export function expectCut(heard: Heard, text: string): void {
  assert.ok(heard.error, `no error, but "${heard.text}"`);
  assert.ok(text.startsWith(heard.text) && heard.text.length < text.length, `"${heard.text}" is not the beginning of "${text}"`);
  assert.ok(!heard.ended, 'it was said to be whole');
}

/** Every number of /metrics by its name and labels. */
export async function metrics(url: string): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
}
/** What must be 0 when nobody calls. */
export const GAUGES = ['weir_admitted_requests', 'weir_shared_admissions', 'weir_streams', 'weir_held_bytes', 'weir_upstream_calls', 'weir_queued_requests', 'weir_upstream_busy_connections', 'weir_ledger_open', 'weir_ledger_pending'];
export async function becomesIdle(url: string): Promise<void> {
  let seen: [string, number | undefined][] = [];
  await eventually('all gauges are 0', async () => {
    const now = await metrics(url);
    seen = GAUGES.map((g) => [g, now.get(g)]);
    return seen.every(([, n]) => n === 0);
  }).catch((e: unknown) => {
    throw new Error(`${String(e)}: ${JSON.stringify(seen)}`);
  });
}

export interface BreakerRow {
  provider: string;
  credential: string;
  state: string;
  force: string;
  probing: boolean;
  retry_in_ms: number | null;
  failures_in_window: number;
  failures: number;
  successes: number;
  refused: number;
  times_opened: number;
  reason: string;
}
export async function breakers(weir: Weir, ...command: string[]): Promise<BreakerRow[]> {
  const { code, out } = await weir.command('breaker', ...(command.length ? command : ['list']), '--json');
  assert.equal(code, 0, out);
  return (JSON.parse(out) as { breakers: BreakerRow[] }).breakers;
}

export interface Explained {
  model: string;
  entry: string;
  strategy: string;
  policy: string | null;
  live: boolean;
  hedged: boolean;
  targets: {
    order: number | null;
    verdict: string;
    why: string;
    provider: string;
    model: string;
    credential: string;
    wire: string | null;
    mode: string | null;
    in_flight: number;
    first_token_ms: number | null;
    cost_nano: number | null;
    breaker: { state: string; failures_in_window: number; reason: string } | null;
  }[];
}
export async function explain(weir: Weir, model: string, ...more: string[]): Promise<Explained> {
  const { code, out } = await weir.command('route', 'explain', model, ...more, '--json');
  assert.equal(code, 0, out);
  return JSON.parse(out) as Explained;
}
/** "order provider" of what would be tried, "provider: verdict" of the others. */
export function orderOf(e: Explained): string[] {
  return e.targets.map((t) => (t.order === null ? `${t.provider}: ${t.verdict}` : t.provider));
}

/** "outcome provider" of the attempts of one request, in their order. */
export function attemptsOf(rows: LedgerRow[]): string[] {
  return [...rows].sort((x, y) => x.attempt - y.attempt).map((r) => `${r.outcome} ${r.provider}${r.outcome === 'failed_over' ? ` ${r.error}` : ''}`);
}
/** All rows by the model that was asked for, in the order of requests. */
export function byModel(rows: LedgerRow[]): Map<string, LedgerRow[]> {
  const map = new Map<string, LedgerRow[]>();
  for (const r of rows) map.set(r.model, [...(map.get(r.model) ?? []), r]);
  return map;
}

/** Writes the configuration anew and has it read; waits until the program says that it was. */
export async function reload(weir: Weir, edit: (text: string) => string): Promise<void> {
  const count = (): number => weir.logs().split('"config_reloaded"').length;
  const before = count();
  const old = readFileSync(weir.file, 'utf8');
  const fresh = edit(old);
  assert.notEqual(fresh, old, 'nothing is changed');
  writeFileSync(weir.file, fresh);
  weir.signal('SIGHUP');
  await eventually('the configuration is read', async () => count() > before);
}
