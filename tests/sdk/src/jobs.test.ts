// Work in the background as an operator sees it: the commands, the roles of a process, the metrics; on SQLite and on PostgreSQL with several processes.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { Database } from './database.js';
import { Anthropic, KEY, Sim, Weir, config, direct, eventually, needsWeir, textOf } from './harness.js';
import { metrics } from './routing.js';

const skip = needsWeir;
const database = direct ? undefined : await Database.start();
const skipShared = database ? database.missing : 'needs a gateway';
const sim = direct ? (undefined as unknown as Sim) : await Sim.start();
after(async () => {
  await database?.stop();
  if (!direct) await sim.stop();
});

interface Job {
  id: number;
  kind: string;
  state: string;
  args: unknown;
  attempts: number;
  max_attempts: number;
  progress: number;
  result: unknown;
  error: string;
  unique_key: string;
  leased_by: string;
  lease_until_us: number;
  created_us: number;
  started_us: number;
  ended_us: number;
}

/** A command that must succeed. */
async function job(weir: Weir, ...args: string[]): Promise<string> {
  const { code, out } = await weir.command('job', ...args);
  assert.equal(code, 0, out);
  return out;
}
/** One that must not: its exit code and what it said. */
async function refused(weir: Weir, code: number, ...args: string[]): Promise<string> {
  const got = await weir.command('job', ...args);
  assert.equal(got.code, code, got.out);
  return got.out;
}
const show = async (weir: Weir, id: number): Promise<Job> => JSON.parse(await job(weir, 'show', String(id))) as Job;
const list = async (weir: Weir, ...args: string[]): Promise<Job[]> =>
  (await job(weir, 'list', '--json', ...args)).split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Job);
async function queue(weir: Weir, kind: string, ...args: string[]): Promise<number> {
  return Number(/^job (\d+) is queued/.exec(await job(weir, 'run', kind, ...args))?.[1] ?? assert.fail('not queued'));
}
async function ended(weir: Weir, id: number, state: string, limitMs = 15000): Promise<Job> {
  let seen = await show(weir, id);
  await eventually(`job ${id} is ${state}`, async () => ((seen = await show(weir, id)).state === state), limitMs);
  return seen;
}
/** No kind is made by the clock, so that the numbers are the test's own. */
const still = `jobs:
${['archive', 'backup', 'catalogue', 'keys', 'purge', 'recheck', 'rollup'].map((kind) => `  - { kind: ${kind}, enabled: false }`).join('\n')}
`;
async function withWeir(extra: string, run: (weir: Weir) => Promise<void>): Promise<void> {
  const weir = await Weir.start(sim, extra);
  try {
    await run(weir);
  } catch (e) {
    console.error(weir.logs().slice(-4000), await weir.command('job', 'list', '--json'));
    throw e;
  } finally {
    await weir.stop();
  }
}

test('a job is run, shown and listed', { skip }, () =>
  withWeir(still, async (weir) => {
    const id = await queue(weir, 'purge');
    const done = await ended(weir, id, 'done');
    assert.equal(done.kind, 'purge');
    assert.equal(done.attempts, 1);
    assert.equal(done.progress, 1000);
    assert.equal(done.unique_key, '');
    assert.equal(typeof done.result, 'object');
    assert.match(done.leased_by, new RegExp(`/${weir.pid}$`));
    assert.ok(done.created_us <= done.started_us && done.started_us <= done.ended_us);
    const second = await queue(weir, 'keys', '--args', '{}');
    await ended(weir, second, 'done');
    assert.deepEqual((await list(weir)).map((j) => j.id), [second, id]);
    assert.deepEqual((await list(weir, '--max', '1')).map((j) => j.id), [second]);
    assert.deepEqual((await list(weir, '--kind', 'purge')).map((j) => j.id), [id]);
    assert.deepEqual(await list(weir, '--state', 'dead'), []);
    const lines = (await job(weir, 'list')).trimEnd().split('\n');
    assert.equal(lines.length, 2);
    assert.match(lines[0] ?? '', new RegExp(`^${second} +keys +done +\\d{4}-\\d\\d-\\d\\d .* attempt 1 of 5 +100%`));
  }));

test('one that fails says why, and is tried again or cancelled by hand', { skip }, () =>
  withWeir(`${still}backup: { passphrase_file: /nowhere/at/all }\n`, async (weir) => {
    const id = await queue(weir, 'backup');
    const failed = await ended(weir, id, 'failed');
    assert.match(failed.error, /\/nowhere\/at\/all/);
    assert.equal(failed.result, null);
    assert.match(await job(weir, 'list', '--state', 'failed'), /nowhere/);
    assert.match(await job(weir, 'retry', String(id)), new RegExp(`job ${id} is queued again`));
    await eventually('it has been tried again', async () => ((await show(weir, id)).attempts === 2), 15000);
    await ended(weir, id, 'failed');
    await weir.stop(false); // nobody runs what is queued now
    const waiting = await queue(weir, 'purge');
    assert.equal((await show(weir, waiting)).state, 'queued');
    assert.match(await refused(weir, 1, 'retry', String(waiting)), /cannot be tried again: it is queued/);
    assert.match(await job(weir, 'cancel', String(waiting)), new RegExp(`job ${waiting} is cancelled`));
    assert.match(await refused(weir, 1, 'cancel', String(waiting)), /cannot be cancelled: it is cancelled/);
    await weir.restart();
    await ended(weir, await queue(weir, 'keys'), 'done');
    assert.equal((await show(weir, waiting)).attempts, 0);
    await job(weir, 'retry', String(waiting));
    await ended(weir, waiting, 'done');
  }));

test('commands called wrongly say what is wrong', { skip }, () =>
  withWeir(still, async (weir) => {
    for (const args of [[], ['run'], ['show'], ['show', 'x'], ['show', '0'], ['list', 'all'], ['list', '--max', '0'], ['forget', '1'], ['cancel', '1', '2']])
      assert.match(await refused(weir, 2, ...args), /usage: weir job/);
    assert.match(await refused(weir, 1, 'run', 'purg'), /there is no kind of job "purg"; there are: archive, backup, catalogue, erase_person, export_person, keys, mail, purge, recheck, rollup/);
    assert.match(await refused(weir, 1, 'run', 'purge', '--args', '{'), /args of a job is not JSON/);
    for (const verb of ['show', 'retry', 'cancel']) assert.match(await refused(weir, 1, verb, '999'), /there is no job 999/);
  }));

test('schedules are listed; what passed before a schedule was new is made up for once, and a backup since counts', { skip }, () =>
  withWeir(`timezone: Asia/Seoul\nbackup: { schedule: "00:00, 12:00", keep: 3 }\n`, async (weir) => {
    const backups = (): string[] => readdirSync(`${weir.dir}/data/backups`).filter((name) => name.startsWith('weir-'));
    let made: Job[] = [];
    await eventually('the backup that was owed is made', async () => ((made = await list(weir, '--kind', 'backup', '--state', 'done')).length === 1), 15000);
    assert.equal(made[0]?.unique_key, 'schedule:backup');
    assert.equal(backups().length, 1);
    const schedules = await job(weir, 'schedules');
    assert.match(schedules, /^backup +00:00, 12:00 Asia\/Seoul +next \d{4}-\S+ (00|12):00:00 +last \d{4}-/m);
    assert.match(schedules, /^catalogue +7-59\/12 \* \* \* \* Asia\/Seoul /m);
    assert.match(schedules, /^rollup +\* \* \* \* \* Asia\/Seoul /m);
    await weir.restart();
    await ended(weir, await queue(weir, 'keys'), 'done');
    assert.equal((await list(weir, '--kind', 'backup')).length, 1, 'a restart owes nothing');
    // Another text is a new schedule; the backup there is younger than its last moment.
    weir.configure((text) => text.replace('"00:00, 12:00"', '"0 0 * * *"'));
    await weir.restart();
    await eventually('it has looked', async () => ((made = await list(weir, '--kind', 'backup', '--state', 'done')).length === 2), 15000);
    assert.equal(typeof (made[0]?.result as { made_before_us?: number }).made_before_us, 'number');
    assert.equal(backups().length, 1);
  }));

/** A vendor whose list of models comes when it is told to. */
class SlowVendor {
  private waiting: ServerResponse[] = [];
  private constructor(private server: Server, readonly url: string) {
    server.on('request', (_, response: ServerResponse) => this.waiting.push(response));
  }
  static async start(): Promise<SlowVendor> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new SlowVendor(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }
  get asked(): number {
    return this.waiting.length;
  }
  answer(): void {
    for (const response of this.waiting.splice(0)) response.writeHead(200, { 'content-type': 'application/json' }).end('{"data":[]}');
  }
  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}

test('the metrics tell what waits, runs and has ended, by kind; one that runs can be cancelled', { skip }, async () => {
  const vendor = await SlowVendor.start();
  const write = (at: Sim, dir: string): string =>
    config(at, dir, still).replace('providers:\n', `providers:\n  - { name: slow, kind: openrouter, base_url: "${vendor.url}", credentials: [ { name: a, api_key: k } ] }\n  - { name: slower, kind: openrouter, base_url: "${vendor.url}/b", credentials: [ { name: a, api_key: k } ] }\n`);
  const weir = await Weir.start(sim, '', write);
  try {
    const at = async (name: string): Promise<number | undefined> => (await metrics(weir.url)).get(name);
    const ids: number[] = [];
    assert.equal(await at('weir_jobs_ended_total{kind="catalogue",outcome="done"}'), 0);
    for (let i = 0; i < 5; i++) ids.push(await queue(weir, 'catalogue'));
    await eventually('two run', async () => vendor.asked === 2);
    await eventually('the metrics say so', async () => (await at('weir_jobs{kind="catalogue",state="running"}')) === 2, 15000);
    assert.equal(await at('weir_jobs{kind="catalogue",state="queued"}'), 3);
    assert.equal(await at('weir_jobs{kind="catalogue",state="dead"}'), 0);
    assert.equal(await at('weir_jobs{kind="purge",state="running"}'), 0);
    assert.ok((await at('weir_jobs_wait_seconds{kind="catalogue"}')) !== undefined);
    const [first = 0] = ids;
    assert.equal((await show(weir, first)).state, 'running');
    assert.match(await job(weir, 'cancel', String(first)), new RegExp(`job ${first} runs and is asked to stop`));
    const before = (await show(weir, first)).lease_until_us;
    await eventually('the lease is renewed, which tells of it', async () => (await show(weir, first)).lease_until_us > before, 20000);
    vendor.answer(); // and it looks before the next vendor
    await ended(weir, first, 'cancelled');
    await eventually('the others are done', async () => {
      vendor.answer();
      return (await at('weir_jobs_ended_total{kind="catalogue",outcome="done"}')) === 4;
    }, 20000);
    assert.equal(await at('weir_jobs_ended_total{kind="catalogue",outcome="cancelled"}'), 1);
    assert.equal(await at('weir_jobs_ended_total{kind="keys",outcome="done"}'), 0);
    for (const id of ids.slice(1)) assert.deepEqual((await show(weir, id)).result, { vendors: 2, failed: 0 });
  } finally {
    vendor.stop();
    await weir.stop();
  }
});

/** The same in all processes on one database. */
const SERVER_KEY = 'ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=';

/** Processes with roles of their own on one database. */
async function withRoles(roles: string[][], run: (processes: Weir[]) => Promise<void>, change = (text: string): string => text): Promise<void> {
  const processes: Weir[] = [];
  try {
    for (const role of roles) {
      const extra = `${still}store: "${database?.url ?? ''}"\nserver_key: "${SERVER_KEY}"\n`;
      processes.push(await Weir.start(sim, extra, (at, dir, more) => change(config(at, dir, more)), undefined, role));
    }
    await run(processes);
  } finally {
    for (const weir of processes) await weir.stop();
  }
}
const ask = (weir: Weir, content: string): Promise<Anthropic.Message> =>
  new Anthropic({ baseURL: weir.url, apiKey: KEY, maxRetries: 0 }).messages.create({ model: 'sim-text', max_tokens: 100, messages: [{ role: 'user', content }] });

test('a worker serves no data path and a gateway runs no job; a job begins at once wherever it was queued', { skip: skipShared }, () =>
  withRoles([['--roles', 'gateway'], ['--roles', 'worker']], async ([gateway, worker]) => {
    assert.ok(gateway && worker);
    assert.match(textOf((await ask(gateway, 'through the gateway')).content), /through the gateway/);
    await assert.rejects(ask(worker, 'through the worker'), Anthropic.NotFoundError);
    for (const weir of [gateway, worker]) assert.equal((await fetch(`${weir.url}/health`)).status, 200);
    assert.equal((await metrics(gateway.url)).get('weir_jobs{kind="purge",state="queued"}'), undefined);
    const waits: number[] = [];
    for (let i = 0; i < 10; i++) {
      const done = await ended(worker, await queue(gateway, 'keys'), 'done');
      assert.match(done.leased_by, new RegExp(`/${worker.pid}$`));
      waits.push(done.started_us - done.created_us);
    }
    // A look comes every second; who is told does not wait for it.
    const middle = waits.sort((a, b) => a - b)[5] ?? 0;
    assert.ok(middle < 250000, `waited ${waits.join(', ')} microseconds`);
    // Its own schedule may have made one more.
    await eventually('they are counted', async () => ((await metrics(worker.url)).get('weir_jobs_ended_total{kind="keys",outcome="done"}') ?? 0) >= 10);
    // Without its only worker, calls go on and jobs wait; the next worker does them.
    worker.signal('SIGKILL');
    await worker.ended();
    const waiting = await queue(gateway, 'purge');
    assert.match(textOf((await ask(gateway, 'without a worker')).content), /without a worker/);
    assert.equal((await show(gateway, waiting)).state, 'queued');
    await worker.restart();
    assert.match((await ended(gateway, waiting, 'done')).leased_by, new RegExp(`/${worker.pid}$`));
    assert.match(textOf((await ask(gateway, 'and with one again')).content), /and with one again/);
  }));

test('a list of models that one process has fetched is there in the others without asking the vendor', { skip: skipShared }, async () => {
  const lab = (text: string): string =>
    text
      .replace('providers:\n', `providers:\n  - { name: lab, kind: openrouter, base_url: "${sim.url}/api/v1", credentials: [ { name: a, api_key: k } ] }\n`)
      .replace('models:\n', 'models:\n  - { name: "lab/*", targets: [ { provider: lab, model: "*" } ] }\n');
  await withRoles(
    [['--roles', 'gateway'], ['--roles', 'worker']],
    async ([gateway, worker]) => {
      assert.ok(gateway && worker);
      const asked = async (): Promise<number> => (await sim.stats()).paths['GET /api/v1/models'] ?? 0;
      const before = await asked();
      await ended(worker, await queue(gateway, 'catalogue'), 'done');
      assert.equal(await asked(), before + 1);
      await eventually('the gateway has heard of it', async () => (await metrics(gateway.url)).get('weir_events_behind') === 0);
      const models = (await (await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${KEY}` } })).json()) as { data: { id: string }[] };
      assert.ok(models.data.some((m) => m.id.startsWith('lab/')), JSON.stringify(models));
      assert.equal(await asked(), before + 1);
    },
    lab,
  );
});

test('roles that do not exist are refused', { skip }, () =>
  withWeir(still, async (weir) => {
    const unknown = await weir.command('serve', '--roles', 'worker,waiter');
    assert.equal(unknown.code, 2);
    assert.match(unknown.out, /there is no role "waiter"; there are: gateway, workspace, admin, worker/);
    const none = await weir.command('serve', '--roles', ',');
    assert.equal(none.code, 2);
    assert.match(none.out, /--roles needs at least one of/);
  }));
