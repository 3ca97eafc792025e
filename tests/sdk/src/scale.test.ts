// What an operator does when one file is no longer enough: begin on SQLite, copy the store into PostgreSQL, run two replicas with one Redis, and
// lose PostgreSQL and Redis in turn while the SDKs stream. Every call ends well, and the ledger is exact afterwards.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from './database.js';
import { Anthropic, KEY, Sim, Weir, config, costOf, direct, eventually, openai, textOf, type LedgerRow } from './harness.js';
import { metrics } from './routing.js';

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;
const database = direct || !hasRedis ? undefined : await Database.start();
const skip = direct ? 'needs a gateway' : database ? database.missing : 'there is no redis-server: tools/setup.sh test installs it';
after(() => database?.stop());

/** A Redis that keeps nothing and comes back on its port. */
class Redis {
  private child?: ChildProcess;
  private readonly dir = mkdtempSync(join(tmpdir(), 'weir-sdk-scale-'));
  port = 0;
  async run(): Promise<void> {
    if (this.port === 0) {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      this.port = (server.address() as AddressInfo).port;
      await new Promise((resolve) => server.close(resolve));
    }
    const options = ['--bind', '127.0.0.1', '--port', String(this.port), '--save', '', '--dir', this.dir];
    this.child = spawn('redis-server', options, { stdio: 'ignore' });
    const answers = (): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect(this.port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
        socket.on('error', () => resolve(false));
      });
    await eventually('Redis takes connections', answers, 30000);
  }
  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.child?.once('exit', resolve));
    if (this.child?.kill('SIGKILL')) await ended;
  }
  async end(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** One call through an SDK, whole or streamed; throws unless it ends as it should. */
async function call(url: string, key: string, n: number): Promise<void> {
  const content = `call ${n} of many`;
  const messages = [{ role: 'user' as const, content }];
  const model = n % 3 === 0 ? 'sim-text' : 'sim-long-20+drip-20';
  const max_tokens = 200;
  const claude = new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0 });
  if (n % 3 === 0) {
    const answer = await claude.messages.create({ model, max_tokens, messages });
    assert.ok(textOf(answer.content).includes(content));
  } else if (n % 3 === 1) {
    const answer = await claude.messages.stream({ model, max_tokens, messages }).finalMessage();
    assert.match(textOf(answer.content), /word 1 .*word 20/);
    assert.equal(answer.stop_reason, 'end_turn');
  } else {
    let text = '';
    let finish: string | null = null;
    for await (const chunk of await openai(url, key).chat.completions.create({ model, messages, stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
      finish = chunk.choices[0]?.finish_reason ?? finish;
    }
    assert.match(text, /word 1 .*word 20/);
    assert.equal(finish, 'stop');
  }
}

async function rows(weir: Weir): Promise<LedgerRow[]> {
  const { code, out } = await weir.command('ledger', 'list', '--json', '--max', '100000');
  assert.equal(code, 0, out);
  return out.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LedgerRow);
}

/** As many rows as calls, each once, each with the cost of its tokens, and balances that are their sums. */
async function assertExact(weir: Weir, calls: number): Promise<void> {
  const all = await rows(weir);
  assert.equal(all.length, calls);
  assert.equal(new Set(all.map((r) => `${r.request_id}/${r.attempt}`)).size, calls);
  for (const row of all) {
    assert.equal(row.outcome, 'ok', JSON.stringify(row));
    assert.equal(row.cost_nano, costOf(row.usage));
  }
  const verified = await weir.command('ledger', 'verify');
  assert.equal(verified.code, 0, verified.out);
}

const isAtRest = (weir: Weir) => async (): Promise<boolean> => {
  const now = await metrics(weir.url);
  return now.get('weir_ledger_open') === 0 && now.get('weir_ledger_pending') === 0 && now.get('weir_streams') === 0;
};

test('from one file to two replicas, which lose PostgreSQL and Redis in turn while SDKs stream', { skip, timeout: 240000 }, async () => {
  const url = database?.url ?? '';
  const sim = await Sim.start();
  const redis = new Redis();
  await redis.run();
  const first = await Weir.start(sim);
  const all = [first];
  let made = 0;
  try {
    const created = await first.command('key', 'create', '--name', 'kept', '--budget-usd', '1000', '--period', 'month');
    const kept = /\b(weir_\S{24,})\b/.exec(created.out)?.[1] ?? assert.fail(created.out);
    for (; made < 12; made++) await call(first.url, made % 2 ? kept : KEY, made);
    assert.equal(await first.stop(false), 0);

    const copied = await first.command('store', 'copy', '--to', url);
    assert.equal(copied.code, 0, copied.out);
    const shared = `store: "${url}"\nredis: "redis://127.0.0.1:${redis.port}"\npostgres: { wait: 2s, connect_timeout: 2s }\n`;
    writeFileSync(first.file, config(sim, first.dir, shared));
    await assertExact(first, made);
    await first.restart();
    // The second has the same secret, or it would not know the keys.
    const second = await Weir.start(sim, shared, (at, dir, extra) => {
      mkdirSync(`${dir}/data`, { mode: 0o700 });
      copyFileSync(`${first.dir}/data/server.key`, `${dir}/data/server.key`);
      return config(at, dir, extra);
    });
    all.push(second);
    for (const weir of all) for (let i = 0; i < 2; i++) await call(weir.url, kept, made++);

    let stop = false;
    let ended = 0;
    const failures: string[] = [];
    const client = async (weir: Weir, key: string): Promise<void> => {
      while (!stop) {
        const n = made++;
        await call(weir.url, key, n).catch((e: unknown) => failures.push(`call ${n}: ${String(e)}`));
        ended++;
      }
    };
    const clients = all.flatMap((weir) => [KEY, kept, KEY].map((key) => client(weir, key)));
    const goOn = async (more: number): Promise<void> => {
      const until = ended + more;
      await eventually('calls go on', () => Promise.resolve(ended >= until), 60000);
    };
    const are = (connected: number) => async (): Promise<boolean> =>
      (await Promise.all(all.map(async (weir) => (await metrics(weir.url)).get('weir_redis_connected')))).every((n) => n === connected);
    await goOn(10);
    await database?.kill();
    await goOn(30);
    await database?.restart();
    await goOn(10);
    await redis.kill();
    await eventually('both miss Redis', are(0), 30000);
    await goOn(30);
    await redis.run();
    await eventually('both have it again', are(1), 60000);
    await database?.kill();
    await redis.kill();
    await goOn(20);
    await redis.run();
    await database?.restart();
    await goOn(10);
    stop = true;
    await Promise.all(clients);

    assert.deepEqual(failures, []);
    for (const weir of all) await eventually('all is in the store', isAtRest(weir), 60000);
    await assertExact(first, made);
    assert.equal((await sim.stats()).requests, made);
    assert.ok(made > 12 + 4 + 110);
  } finally {
    const codes = [];
    for (const weir of all) codes.push(await weir.stop());
    await redis.end();
    await sim.stop();
    for (const weir of all) assert.ok(!weir.logs().includes('hush-hush'), 'a log tells the password');
    assert.deepEqual(codes, all.map(() => 0), all.map((weir) => weir.logs().slice(-3000)).join('\n'));
  }
});
