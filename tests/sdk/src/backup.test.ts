// Backups as an operator makes and needs them: while streams run, after kill -9, with the database damaged, through a pipe, with a passphrase.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Anthropic, KEY, eventually, needsWeir, start, textOf, type LedgerRow } from './harness.js';

const world = await start();
after(() => world.stop());
const skip = needsWeir;

const params = (model: string, content = 'carry on'): Anthropic.MessageCreateParamsNonStreaming => ({
  model,
  max_tokens: 1000,
  messages: [{ role: 'user', content }],
});
const client = (apiKey = KEY): Anthropic => new Anthropic({ baseURL: world.weir.url, apiKey, maxRetries: 0 });
const call = (content: string, apiKey = KEY): Promise<Anthropic.Message> => client(apiKey).messages.create(params('sim-text', content));
const data = (): string => `${world.weir.dir}/data`;
const at = (name: string): string => `${world.weir.dir}/${name}`;
const kept = (what: string): string[] => readdirSync(data()).filter((name) => name.startsWith(`${what}.before-restore-`)).sort();
const mark = (r: LedgerRow): string => `${r.request_id}/${r.attempt} ${r.outcome} ${r.usage.input}+${r.usage.output} ${String(r.cost_nano)}`;

/** A command that must succeed. */
async function weir(...args: string[]): Promise<string> {
  const { code, out } = await world.weir.command(...args);
  assert.equal(code, 0, out);
  return out;
}
/** The ledger of a database that stands elsewhere, as marks. */
async function ledgerOf(database: string): Promise<string[]> {
  const dir = at('elsewhere');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  writeFileSync(`${dir}/weir.db`, readFileSync(database));
  writeFileSync(`${dir}/weir.yaml`, `data_dir: ${dir}\n`);
  const { stdout } = await promisify(execFile)(world.weir.binary, ['ledger', 'list', '--json', '-c', `${dir}/weir.yaml`], { maxBuffer: 64 << 20 });
  await promisify(execFile)(world.weir.binary, ['ledger', 'verify', '-c', `${dir}/weir.yaml`]);
  return stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => mark(JSON.parse(line) as LedgerRow));
}
const marks = async (): Promise<string[]> => (await world.weir.ledger()).map(mark);

writeFileSync(at('passphrase'), 'correct horse battery staple\n');

test('a backup while streams run holds every call that was settled before, and the streams go on', { skip }, async () => {
  const streams = Array.from({ length: 8 }, async (_, i) => client().messages.stream(params(`sim-long-${60 + i}+drip-20`)).finalMessage());
  for (let i = 0; i < 20; i++) await call(`before ${i}`);
  const out = await weir('backup', at('b1'));
  assert.match(out, /b1: a database of \d+ bytes \(schema \d+\) in \d+ bytes\n/);
  assert.match(out, /server\.key is not in it/);
  assert.equal(statSync(at('b1')).mode & 0o777, 0o600);
  for (const m of await Promise.all(streams)) assert.ok(m.usage.output_tokens >= 60);
  await call('after');
  await world.weir.ledgerOf(29, () => true);
  const everything = await marks();
  const again = await world.weir.command('backup', at('b1'));
  assert.equal(again.code, 1);
  assert.match(again.out, /exists already; --force/);

  const busy = await world.weir.command('restore', at('b1'));
  assert.equal(busy.code, 1);
  assert.match(busy.out, new RegExp(`in use by another weir with process id ${world.weir.pid}`));
  const down = await world.weir.command('migrate', 'down', '1');
  assert.equal(down.code, 1);
  assert.match(down.out, /in use by another weir/);

  await world.weir.stop(false);
  assert.match(await weir('restore', at('b1')), /restored \S+weir\.db as of .*: 20 rows, 1 keys with calls.*every balance is the sum of its rows/s);
  const restored = await world.weir.ledger();
  assert.equal(restored.length, 20);
  assert.ok(restored.every((r) => r.model === 'sim-text' && everything.includes(mark(r))));
  await weir('ledger', 'verify');
  assert.deepEqual((await ledgerOf(`${data()}/${kept('weir.db')[0] ?? ''}`)).sort(), everything.sort());
  await world.weir.restart();
  assert.match(textOf((await call('and on')).content), /and on/);
});

test('an encrypted backup brings everything into a fresh data_dir, keys too', { skip }, async () => {
  const made = await weir('key', 'create', '--name', 'kept');
  const key = /\bweir_\S+/.exec(made)?.[0] ?? '';
  await call('with the key', key);
  await weir('backup', at('b2'), '--encrypt-to-passphrase-file', at('passphrase'));
  const before = await marks();
  await world.weir.stop(false);
  renameSync(data(), at('data-before'));
  const none = await world.weir.command('restore', at('b2'));
  assert.equal(none.code, 1);
  assert.match(none.out, /encrypted: give its passphrase/);
  writeFileSync(at('wrong'), 'correct horse battery stable\n');
  const wrong = await world.weir.command('restore', at('b2'), '--passphrase-file', at('wrong'));
  assert.equal(wrong.code, 1);
  assert.match(wrong.out, /not the passphrase/);
  assert.ok(!existsSync(`${data()}/weir.db`));
  await weir('restore', at('b2'), '--passphrase-file', at('passphrase'));
  assert.deepEqual(readFileSync(`${data()}/server.key`), readFileSync(at('data-before/server.key')));
  assert.deepEqual(await marks(), before);
  await world.weir.restart();
  assert.match(textOf((await call('still known', key)).content), /still known/);
});

test('a backup without server.key says so when it is restored elsewhere', { skip }, async () => {
  await weir('backup', at('b3'));
  await world.weir.stop(false);
  renameSync(data(), at('data-third'));
  assert.match(await weir('restore', at('b3')), /server\.key is not the one this backup was made with/);
  writeFileSync(`${data()}/server.key`, readFileSync(at('data-third/server.key')), { mode: 0o600 });
  assert.doesNotMatch(await weir('restore', at('b3')), /server\.key/);
  await world.weir.restart();
});

test('after kill -9 the journal goes into the replaced database, never into the restored one', { skip }, async () => {
  await call('in the backup');
  await weir('backup', at('b4'));
  const inBackup = await marks();
  await call('after the backup');
  const cut = (async () => {
    for await (const event of await client().messages.create({ ...params('sim-long-400+drip-20'), stream: true })) void event;
  })();
  const failed = assert.rejects(cut);
  await eventually('the stream runs', async () => (await world.sim.stats()).recent.some((r) => r.body.includes('sim-long-400+drip-20')));
  await sleep(200);
  world.weir.signal('SIGKILL');
  await world.weir.ended();
  await failed;
  for (const name of kept('weir.db')) rmSync(`${data()}/${name}`);
  assert.match(await weir('restore', at('b4')), /calls of the journal were carried into the old database/);
  assert.deepEqual(await marks(), inBackup);
  const old = await ledgerOf(`${data()}/${kept('weir.db')[0] ?? ''}`);
  assert.equal(old.length, inBackup.length + 2);
  assert.equal(old.filter((m) => / recovered /.test(m)).length, 1, old.join('\n'));
  await world.weir.restart();
  await call('a new one');
  await world.weir.ledgerOf(inBackup.length + 1, () => true);
  assert.equal((await marks()).length, inBackup.length + 1);
  await weir('ledger', 'verify');
});

test('a backup after kill -9 holds what was settled and not yet stored', { skip }, async () => {
  const known = (await marks()).length;
  for (let i = 0; i < 5; i++) await call(`last moments ${i}`);
  world.weir.signal('SIGKILL');
  await world.weir.ended();
  await weir('backup', at('b5'));
  const before = kept('weir.db');
  for (let i = 0; i < 4; i++) assert.match(await weir('restore', at('b5')), new RegExp(`: ${known + 5} rows`));
  assert.equal(kept('weir.db').length, before.length + 4, 'what is replaced within one second is kept under its own name');
  await world.weir.restart();
});

test('a damaged database is refused at start with advice, and kept with its journal by a restore', { skip }, async () => {
  await weir('backup', at('b6'));
  const inBackup = await marks();
  for (let i = 0; i < 3; i++) await call(`after the backup ${i}`);
  await world.weir.ledgerOf(inBackup.length + 3, () => true);
  const everything = await marks();
  world.weir.signal('SIGKILL');
  await world.weir.ended();
  for (const name of kept('weir.db')) rmSync(`${data()}/${name}`);
  for (const wrong of ['', 'this was a database once', readFileSync(`${data()}/weir.db`).subarray(0, 70000)]) {
    for (const ending of ['-wal', '-shm']) rmSync(`${data()}/weir.db${ending}`, { force: true });
    writeFileSync(`${data()}/weir.db`, wrong);
    const refused = await world.weir.command('serve');
    assert.equal(refused.code, 1, refused.out);
    assert.match(refused.out, /nothing was changed: restore a backup \(`weir restore FILE`\)/);
    assert.deepEqual(readFileSync(`${data()}/weir.db`), Buffer.from(wrong));
  }
  assert.match(await weir('restore', at('b6')), /the journal could not be carried into the old database/);
  assert.equal(statSync(`${data()}/${kept('weir.db')[0] ?? ''}`).size, 70000);
  assert.equal(kept('journal').length, 1);
  await world.weir.restart();
  assert.deepEqual(await marks(), inBackup);
  await world.weir.stop(false);
  // Moved back by hand, it adds what the backup lacks and nothing twice.
  const aside = `${data()}/${kept('journal')[0] ?? ''}`;
  const segments = readdirSync(aside).filter((name) => name.endsWith('.journal'));
  assert.ok(segments.length > 0);
  for (const name of segments) renameSync(`${aside}/${name}`, `${data()}/journal/${name}`);
  await world.weir.restart();
  assert.deepEqual(await marks(), everything);
  await weir('ledger', 'verify');
});

test('a backup goes through a pipe', { skip }, async () => {
  const before = await marks();
  mkdirSync(at('piped'));
  writeFileSync(at('piped/weir.yaml'), `data_dir: ${at('piped')}\n`);
  const pipe = `"$0" backup - -c "$1" | "$0" restore - -c "$2"`;
  await promisify(execFile)('sh', ['-c', pipe, world.weir.binary, world.weir.file, at('piped/weir.yaml')]);
  assert.deepEqual(await ledgerOf(at('piped/weir.db')), before);
  for (const dir of [data(), at('piped')]) assert.deepEqual(readdirSync(dir).filter((name) => /partial|restoring/.test(name)), []);
});

test('commands called wrongly say how they are called', { skip }, async () => {
  for (const args of [['backup'], ['restore'], ['backup', 'a', 'b'], ['restore', 'a', '--force']]) {
    const { code, out } = await world.weir.command(...args);
    assert.equal(code, 2, out);
    assert.match(out, /usage: weir (backup|restore)/);
  }
  for (const [args, why] of [
    [['restore', at('nothing')], /cannot open .*nothing/],
    [['backup', at('b8'), '--encrypt-to-passphrase-file', at('nothing')], /passphrase file .*nothing/],
  ] as const) {
    if (args[0] === 'restore') await world.weir.stop(false);
    const { code, out } = await world.weir.command(...args);
    assert.equal(code, 1, out);
    assert.match(out, why);
  }
  await world.weir.restart();
});
