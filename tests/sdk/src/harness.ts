// Starts weir-sim and weir for the tests, stops them, and shows what the simulator saw and what the ledger holds.
import { spawn, execFile, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic1 from '@anthropic-ai/sdk';
import Anthropic0 from 'anthropic-sdk-0';
import OpenAI from 'openai';
import { conform, isDescribed } from './conformity.js';

const run = promisify(execFile);

/** Without a gateway: every test that does not need one runs against the simulator itself. */
export const direct = process.env.WEIR_DIRECT === '1';
/** For `{ skip: needsWeir }`. */
export const needsWeir: string | false = direct ? 'needs a gateway' : false;

export const KEY = 'wk-test-everything-0001';
export const KEYS = {
  all: KEY,
  limited: 'wk-test-limited-00002',
  blocked: 'wk-test-blocked-00003',
  expired: 'wk-test-expired-00004',
};
export const UPSTREAM_ANTHROPIC = 'sk-upstream-anthropic-secret';
export const UPSTREAM_OPENAI = 'sk-upstream-openai-secret';

/** Both living generations of the Anthropic SDK. The tests use what both offer, under the types of the newer one. */
export const generations = [
  { name: '1.x', version: '2026-10-21', SDK: Anthropic1 },
  { name: '0.x', version: '2023-06-01', SDK: Anthropic0 as unknown as typeof Anthropic1 },
];

export { Anthropic1 as Anthropic, OpenAI };

class Process {
  private out = '';
  private exited: Promise<number | null>;
  constructor(readonly name: string, readonly child: ChildProcess) {
    child.stdout?.on('data', (d: Buffer) => (this.out += d.toString()));
    child.stderr?.on('data', (d: Buffer) => (this.out += d.toString()));
    this.exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }
  static start(name: string, binary: string, args: string[], env: NodeJS.ProcessEnv = process.env): Process {
    return new Process(name, spawn(binary, args, { stdio: ['ignore', 'pipe', 'pipe'], env }));
  }
  get pid(): number {
    return this.child.pid ?? 0;
  }
  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }
  logs(): string {
    return this.out;
  }
  /** Waits for the line that says where the program listens. */
  async url(ready: RegExp): Promise<string> {
    for (let i = 0; i < 400; i++) {
      const found = ready.exec(this.out);
      if (found?.[1]) return found[1];
      if (!this.isRunning) break;
      await sleep(25);
    }
    throw new Error(`${this.name} did not become ready:\n${this.out}`);
  }
  signal(name: NodeJS.Signals): void {
    if (this.isRunning) this.child.kill(name);
  }
  /** The exit code once it has ended; SIGKILL after the limit. */
  async ended(limitMs = 15000): Promise<number | null> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), limitMs);
    const code = await this.exited;
    clearTimeout(timer);
    return code;
  }
}

export interface Seen {
  id: string;
  method: string;
  target: string;
  headers: [string, string][];
  body_bytes: number;
  body_sha256: string;
  body_is_whole: boolean;
  body: string;
  status: number;
  outcome: string;
}
export interface SimStats {
  requests: number;
  cancelled: number;
  cancelled_mid_stream: number;
  streams_started: number;
  streams_finished: number;
  streams_broken: number;
  connections: number;
  active: number;
  paths: Record<string, number>;
  recent: Seen[];
}
/** A header as the simulator saw it, or undefined. */
export function header(seen: Seen, name: string): string | undefined {
  return seen.headers.find(([n]) => n.toLowerCase() === name.toLowerCase())?.[1];
}

export class Sim {
  private constructor(private process: Process, readonly url: string) {}
  private static spawn(listen: string): Process {
    return Process.start('weir-sim', process.env.WEIR_SIM ?? 'build/weir-sim', ['--listen', listen]);
  }
  static async start(): Promise<Sim> {
    const p = Sim.spawn('127.0.0.1:0');
    return new Sim(p, await p.url(/weir-sim: ready on (\S+)/));
  }
  signal(name: NodeJS.Signals): void {
    this.process.signal(name);
  }
  /** Ends it as a crash would: nobody is told anything. */
  async kill(): Promise<void> {
    this.process.signal('SIGKILL');
    await this.process.ended();
  }
  /** Starts it again on the same port, having forgotten all. */
  async restart(): Promise<void> {
    this.process = Sim.spawn(new URL(this.url).host);
    await this.process.url(/weir-sim: ready on (\S+)/);
  }
  async stats(): Promise<SimStats> {
    return (await (await fetch(`${this.url}/__stats`)).json()) as SimStats;
  }
  async reset(): Promise<void> {
    await (await fetch(`${this.url}/__reset`, { method: 'POST' })).text();
  }
  /** The newest request, or the newest whose body holds the text. */
  async last(part = ''): Promise<Seen> {
    const seen = (await this.stats()).recent.filter((r) => r.body.includes(part)).at(-1);
    if (!seen) throw new Error(`weir-sim has seen no request with "${part}"`);
    return seen;
  }
  async stop(): Promise<void> {
    this.process.signal('SIGTERM');
    const code = await this.process.ended();
    if (code !== 0) throw new Error(`weir-sim ended with ${String(code)}:\n${this.process.logs().slice(-6000)}`);
  }
}

export interface Usage {
  input: number;
  output: number;
  cache_write_5m: number;
  cache_write_1h: number;
  cache_read: number;
  reasoning: number;
}
export interface LedgerRow {
  request_id: string;
  attempt: number;
  key_name: string;
  provider: string;
  model: string;
  upstream_model: string;
  wire: string;
  operation: string;
  outcome: string;
  error: string;
  status: number;
  upstream_status: number;
  streamed: boolean;
  usage: Usage;
  cost_nano: number | null; // null: no price is known
  price_version: number;
  reserved_nano: number;
  first_token_us: number;
  duration_us: number;
  overhead_us: number;
  provider_metadata: Record<string, unknown> | null; // what the provider reports beside
}

/** What the prices of the test configuration make of a usage. */
export function costOf(u: Usage): number {
  return u.input * 3000 + u.output * 15000 + u.cache_write_5m * 3750 + u.cache_write_1h * 6000 + u.cache_read * 300;
}

export function config(sim: Sim, dir: string, extra = ''): string {
  return `listen: 127.0.0.1:0
data_dir: ${dir}/data
workers: 2
breaker: { failures: 1000000 }
retry: { attempts: 0 }
timeouts: { connect: 5s, first_byte: 60s, between_bytes: 60s, drain: 20s }
providers:
  - { name: anthropic, kind: anthropic, base_url: "${sim.url}", credentials: [ { name: main, api_key: "${UPSTREAM_ANTHROPIC}" } ] }
  - { name: openai, kind: openai, base_url: "${sim.url}/v1", credentials: [ { name: main, api_key: "${UPSTREAM_OPENAI}" } ] }
models:
  - { name: alias, wire: anthropic, targets: [ { provider: anthropic, model: sim-text } ] }
  - { name: alias, wire: openai, targets: [ { provider: openai, model: sim-text } ] }
  - { name: unpriced, wire: anthropic, targets: [ { provider: anthropic, model: claude-unpriced } ] }
  - { name: "sim-*", wire: anthropic, targets: [ { provider: anthropic, model: "sim-*" } ] }
  - { name: "sim-*", wire: openai, targets: [ { provider: openai, model: "sim-*" } ] }
  - { name: text-embedding-sim, wire: openai, targets: [ { provider: openai, model: text-embedding-sim } ] }
prices:
  - { provider: anthropic, model: "sim-*", input: 3.00, output: 15.00, cache_write: 3.75, cache_write_1h: 6.00, cache_read: 0.30 }
  - { provider: openai, model: "*", input: 3.00, output: 15.00, cache_write: 3.75, cache_write_1h: 6.00, cache_read: 0.30 }
keys:
  - { name: all, value: "${KEYS.all}", models: ["*"] }
  - { name: limited, value: "${KEYS.limited}", models: ["alias", "sim-text"] }
  - { name: blocked, value: "${KEYS.blocked}", blocked: true }
  - { name: expired, value: "${KEYS.expired}", expires: "2020-01-01T00:00:00Z" }
${extra}`;
}

/** What the running process says of itself. */
export interface Status {
  pid: number;
  generation: number;
  version: string;
  draining: boolean;
  config_generation: number;
  predecessors: { pid: number; generation: number }[];
}

/** A process lives until it is gone or only waits to be reaped. */
export function lives(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

export class Weir {
  /** Processes that upgrades have started. */
  private started = new Set<number>();
  private constructor(private process: Process, public url: string, readonly dir: string, readonly file: string, readonly binary: string, readonly options: string[]) {}

  static async start(sim: Sim, extra = '', write = config, binary?: (dir: string) => string, options: string[] = []): Promise<Weir> {
    const dir = mkdtempSync(join(tmpdir(), 'weir-sdk-'));
    const file = join(dir, 'weir.yaml');
    writeFileSync(file, write(sim, dir, extra));
    const program = binary?.(dir) ?? process.env.WEIR ?? 'build/weir';
    const p = Process.start('weir', program, ['serve', '-c', file, ...options]);
    return new Weir(p, await p.url(/weir: ready on (\S+)/), dir, file, program, options);
  }
  get pid(): number {
    return this.process.pid;
  }
  logs(): string {
    return this.process.logs();
  }
  signal(name: NodeJS.Signals): void {
    this.process.signal(name);
  }
  async ended(limitMs?: number): Promise<number | null> {
    return this.process.ended(limitMs);
  }
  /** Starts again on the same data, on another port. */
  async restart(): Promise<void> {
    if (this.process.isRunning) await this.stop(false);
    this.process = Process.start('weir', this.binary, ['serve', '-c', this.file, ...this.options]);
    this.url = await this.process.url(/weir: ready on (\S+)/);
  }
  /** Writes the configuration anew, for the next start or reload. */
  configure(change: (text: string) => string): void {
    writeFileSync(this.file, change(readFileSync(this.file, 'utf8')));
  }
  /** Has the program started anew in place of the running process: its exit status and what it said. */
  async upgrade(...options: string[]): Promise<{ code: number; out: string }> {
    const done = await this.command('upgrade', ...options);
    const pid = /process (\d+) serves/.exec(done.out)?.[1];
    if (pid) this.started.add(Number(pid));
    return done;
  }
  /** Asks over the socket in data_dir. */
  local(method: string, path: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const rq = request({ socketPath: join(this.dir, 'data/weir.sock'), method, path, agent: false }, (answer) => {
        let body = '';
        answer.on('data', (d: Buffer) => (body += d.toString()));
        answer.on('end', () => {
          const got = { method, path: path.replace(/\?.*/, ''), status: answer.statusCode ?? 0, type: String(answer.headers['content-type'] ?? ''), text: body };
          try {
            if (isDescribed(got.path, true)) conform(got);
            resolve({ status: got.status, body });
          } catch (e) {
            reject(e as Error);
          }
        });
        answer.on('error', reject);
      });
      rq.on('error', reject);
      rq.end();
    });
  }
  async status(): Promise<Status> {
    const status = JSON.parse((await this.local('GET', '/status')).body) as Status;
    if (status.pid !== this.pid) this.started.add(status.pid);
    return status;
  }
  /** A process that an upgrade has started, to be ended with the others. */
  takes(pid: number): void {
    this.started.add(pid);
  }
  /** Sends a signal to one of this test's processes, whichever serves now. */
  signalTo(pid: number, name: NodeJS.Signals): void {
    if (pid !== this.pid && !this.started.has(pid)) throw new Error(`process ${pid} is not one of this test`);
    if (lives(pid)) process.kill(pid, name);
  }
  /** Ends what upgrades have started; the newest takes the others with it. */
  private async stopStarted(): Promise<void> {
    for (const name of ['SIGTERM', 'SIGKILL'] as const) {
      const left = [...this.started].filter(lives);
      for (const pid of left.reverse()) this.signalTo(pid, name);
      for (let i = 0; i < 1000 && left.some(lives); i++) await sleep(25);
    }
    this.started.clear();
  }
  async stop(remove = true): Promise<number | null> {
    await this.stopStarted();
    this.process.signal('SIGTERM');
    const code = await this.process.ended(25000);
    if (remove) rmSync(this.dir, { recursive: true, force: true });
    return code;
  }
  rssKb(): number {
    const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'));
    return Number(found?.[1] ?? 0);
  }
  /** A command of the program with this configuration: its exit code and output. */
  async command(...args: string[]): Promise<{ code: number; out: string }> {
    const binary = process.env.WEIR ?? 'build/weir';
    try {
      const { stdout, stderr } = await run(binary, [...args, '-c', this.file], { maxBuffer: 64 << 20, timeout: 20000, killSignal: 'SIGKILL' });
      return { code: 0, out: stdout + stderr };
    } catch (e) {
      const failed = e as { code?: number; stdout?: string; stderr?: string };
      return { code: Number(failed.code ?? -1), out: (failed.stdout ?? '') + (failed.stderr ?? '') };
    }
  }
  /** Every row of the ledger that passes the filter. */
  async ledger(filter: (row: LedgerRow) => boolean = () => true): Promise<LedgerRow[]> {
    const { code, out } = await this.command('ledger', 'list', '--json');
    if (code !== 0) throw new Error(`weir ledger list failed (${code}): ${out}`);
    const rows = out.split('\n').filter((line) => line.startsWith('{'));
    return rows.map((line) => JSON.parse(line) as LedgerRow).filter(filter);
  }
  /** Waits until at least n rows pass the filter, then a little longer, so that a row too many is seen as well. */
  async ledgerOf(n: number, filter: (row: LedgerRow) => boolean): Promise<LedgerRow[]> {
    let rows: LedgerRow[] = [];
    for (let i = 0; i < 100 && rows.length < n; i++) {
      if (i > 0) await sleep(100);
      rows = await this.ledger(filter);
    }
    if (rows.length < n) throw new Error(`the ledger has ${rows.length} of ${n} rows\n${this.logs().slice(-4000)}`);
    await sleep(250);
    return this.ledger(filter);
  }
}

/** A simulator and, unless direct, a gateway in front of it. */
export interface World {
  sim: Sim;
  weir: Weir;
  /** What an SDK's base URL begins with. */
  url: string;
  stop(): Promise<void>;
}
export async function start(extra = '', write = config): Promise<World> {
  const sim = await Sim.start();
  if (direct) return { sim, weir: undefined as unknown as Weir, url: sim.url, stop: () => sim.stop() };
  try {
    const weir = await Weir.start(sim, extra, write);
    const stop = async (): Promise<void> => {
      const code = await weir.stop();
      await sim.stop();
      if (code !== 0) throw new Error(`weir ended with ${String(code)}:\n${weir.logs().slice(-6000)}`);
    };
    return { sim, weir, url: weir.url, stop };
  } catch (e) {
    await sim.stop();
    throw e;
  }
}

/** An OpenAI client of the gateway. */
export function openai(url: string, apiKey = KEY): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
}

/** Polls until the condition holds: for what happens just after an answer, such as a cancel reaching the simulator. */
export async function eventually(what: string, holds: () => Promise<boolean>, limitMs = 5000): Promise<void> {
  for (const end = Date.now() + limitMs; Date.now() < end; ) {
    if (await holds()) return;
    await sleep(25);
  }
  throw new Error(`did not happen within ${limitMs} ms: ${what}`);
}

/** The text of a content that is all text. */
export function textOf(content: readonly { type: string }[]): string {
  return content.map((b) => (b.type === 'text' ? (b as unknown as { text: string }).text : '')).join('');
}
