// The program with its data in PostgreSQL: calls, keys and ledger as on SQLite, and a database that dies in the middle.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Database } from './database.js';
import { Anthropic, KEY, costOf, direct, eventually, start, textOf, type World } from './harness.js';
import { metrics } from './routing.js';

const database = direct ? undefined : await Database.start();
const skip = database ? database.missing : 'needs a gateway';
const world: World | undefined = skip === false ? await start(`store: "${database?.url ?? ''}"\n`) : undefined;
after(async () => {
  await world?.stop();
  await database?.stop();
});

const here = (): World => world ?? assert.fail('no world');
const client = (apiKey = KEY): Anthropic => new Anthropic({ baseURL: here().url, apiKey, maxRetries: 0 });
const params = (content: string, model = 'sim-text'): Anthropic.MessageCreateParamsNonStreaming => ({
  model,
  max_tokens: 200,
  messages: [{ role: 'user', content }],
});

/** A key of the store; it is printed once. */
async function makeKey(name: string, ...options: string[]): Promise<string> {
  const made = await here().weir.command('key', 'create', '--name', name, ...options);
  assert.equal(made.code, 0, made.out);
  return /\b(weir_\S{24,})\b/.exec(made.out)?.[1] ?? assert.fail(made.out);
}

test('health says where the data is, and the schema is there', { skip }, async () => {
  const health = await (await fetch(`${here().url}/health`)).text();
  assert.match(health, /"store":\s*"postgres"/);
  const status = await here().weir.command('migrate', 'status');
  assert.equal(status.code, 0, status.out);
  assert.match(status.out, /0001 keys +applied/);
  assert.doesNotMatch(status.out, /missing/);
});

test('a plain and a streamed call are served and stand in the ledger with tokens and cost', { skip }, async () => {
  const plain = await client().messages.create(params('plain on postgres'));
  assert.match(textOf(plain.content), /plain on postgres/);
  const streamed = await client().messages.stream(params('streamed on postgres')).finalMessage();
  assert.match(textOf(streamed.content), /streamed on postgres/);
  const rows = await here().weir.ledgerOf(2, (r) => r.key_name === 'all');
  assert.deepEqual(rows.map((r) => r.streamed).sort(), [false, true]);
  for (const row of rows) {
    assert.equal(row.outcome, 'ok');
    assert.equal(row.cost_nano, costOf(row.usage));
  }
  const verified = await here().weir.command('ledger', 'verify');
  assert.equal(verified.code, 0, verified.out);
  assert.match(verified.out, /every balance is the sum of its rows/);
});

test('a key is made, used, listed and blocked; its budget is kept', { skip }, async () => {
  const key = await makeKey('made');
  assert.match(textOf((await client(key).messages.create(params('with a stored key'))).content), /stored key/);
  assert.match((await here().weir.command('key', 'list')).out, /active +made/);
  const again = await here().weir.command('key', 'create', '--name', 'made');
  assert.equal(again.code, 1);
  assert.match(again.out, /a key named "made" exists already/);
  const id = /^(\d+) .*made/m.exec((await here().weir.command('key', 'list')).out)?.[1] ?? assert.fail('not listed');
  assert.equal((await here().weir.command('key', 'block', id)).code, 0);
  await eventually('the blocked key is refused', async () =>
    client(key).messages.create(params('blocked')).then(() => false, (e: unknown) => e instanceof Anthropic.APIError && e.status !== undefined && e.status < 500));
  const poor = await makeKey('poor', '--budget-usd', '0.000001', '--period', 'day');
  await assert.rejects(client(poor).messages.create(params('too dear')), Anthropic.RateLimitError);
});

test('calls go on while the database is dead, and the ledger is exact afterwards', { skip }, async () => {
  await eventually('all calls so far are in the store', async () => {
    const now = await metrics(here().url);
    return now.get('weir_ledger_open') === 0 && now.get('weir_ledger_pending') === 0;
  });
  const before = (await here().weir.ledger()).length;
  const stranger = await makeKey('stranger');
  const stream = client().messages.stream(params('through a dead database', 'sim-long-100'));
  await new Promise((resolve) => stream.once('text', resolve));
  await database?.kill();
  assert.ok(textOf((await stream.finalMessage()).content).length > 0);
  for (let i = 0; i < 5; i++) await client().messages.create(params(`while it is dead ${i}`));
  // A key this process has not seen yet can only be asked of the store.
  await assert.rejects(client(stranger).messages.create(params('unknown')), (e: unknown) => e instanceof Anthropic.APIError && e.status === 503 && !e.message.includes('hush'));
  await database?.restart();
  await eventually('the key is known again', async () =>
    client(stranger).messages.create(params('known')).then(() => true, () => false));
  const rows = await here().weir.ledgerOf(before + 7, () => true);
  assert.equal(rows.length, before + 7);
  assert.equal(new Set(rows.map((r) => r.request_id + r.attempt)).size, rows.length);
  const verified = await here().weir.command('ledger', 'verify');
  assert.equal(verified.code, 0, verified.out);
});

test('what was kept is there after a restart', { skip }, async () => {
  const before = (await here().weir.ledger()).length;
  await here().weir.restart();
  assert.equal((await here().weir.ledger()).length, before);
  const again = new Anthropic({ baseURL: here().weir.url, apiKey: KEY, maxRetries: 0 });
  await again.messages.create(params('after the restart'));
  assert.equal((await here().weir.ledgerOf(before + 1, () => true)).length, before + 1);
});
