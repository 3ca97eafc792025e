// From a file to PostgreSQL and back as an operator does it: killed in the middle of streams, copied, started on the other database with the same keys.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Database } from './database.js';
import { Anthropic, KEY, direct, start, textOf, type LedgerRow, type World } from './harness.js';

const database = direct ? undefined : await Database.start();
const skip = database ? database.missing : 'needs a gateway';
const world: World | undefined = skip === false ? await start() : undefined;
after(async () => {
  await world?.stop();
  await database?.stop();
});

const here = (): World => world ?? assert.fail('no world');
const client = (apiKey = KEY): Anthropic => new Anthropic({ baseURL: here().weir.url, apiKey, maxRetries: 0 });
const params = (content: string, model = 'sim-text'): Anthropic.MessageCreateParamsNonStreaming => ({
  model,
  max_tokens: 1000,
  messages: [{ role: 'user', content }],
});
const mark = (r: LedgerRow): string => `${r.request_id}/${r.attempt} ${r.outcome} ${r.usage.input}+${r.usage.output} ${String(r.cost_nano)}`;
const marks = async (): Promise<string[]> => (await here().weir.ledger()).map(mark);

/** A command that must succeed. */
async function weir(...args: string[]): Promise<string> {
  const { code, out } = await here().weir.command(...args);
  assert.equal(code, 0, out);
  return out;
}
/** Puts another store into the configuration, or none. */
function use(store: string): void {
  const text = readFileSync(here().weir.file, 'utf8').replace(/^store: .*\n/m, '');
  writeFileSync(here().weir.file, store ? `store: "${store}"\n${text}` : text);
}

let key = '';
let before: string[] = [];

test('a gateway that runs is not copied', { skip }, async () => {
  key = /\b(weir_\S{24,})\b/.exec(await weir('key', 'create', '--name', 'moved'))?.[1] ?? assert.fail('no key');
  for (let i = 0; i < 5; i++) await client(key).messages.create(params(`before ${i}`));
  const { code, out } = await here().weir.command('store', 'copy', '--to', database?.url ?? '');
  assert.equal(code, 1, out);
  assert.match(out, /in use by another weir/);
});

test('one that was killed is: its journal comes along, and all is there on PostgreSQL', { skip }, async () => {
  const streams = Array.from({ length: 4 }, () => client().messages.stream(params('cut', 'sim-long-400+drip-20')).finalMessage().catch(() => null));
  await here().weir.ledgerOf(5, (r) => r.outcome === 'ok');
  for (let i = 0; i < 200 && (await here().sim.stats()).active < 4; i++) await new Promise((r) => setTimeout(r, 20));
  here().weir.signal('SIGKILL');
  await here().weir.ended();
  await Promise.all(streams);
  const out = await weir('store', 'copy', '--to', database?.url ?? '');
  assert.match(out, /\d+ settled and 4 open calls of the journal were carried into the source first/);
  assert.match(out, /9 calls of 2 keys.*all of it was read back/);
  assert.match(out, /store: "\$\{DATABASE_URL\}"/);
  before = await marks();
  assert.equal(before.filter((m) => m.includes(' recovered ')).length, 4);
  use(database?.url ?? '');
  renameSync(`${here().weir.dir}/data/weir.db`, `${here().weir.dir}/old.db`);
  await here().weir.restart();
  assert.deepEqual(await marks(), before);
  assert.match(textOf((await client(key).messages.create(params('with the same key'))).content), /the same key/);
  assert.match(await weir('ledger', 'verify'), /every balance is the sum of its rows/);
  assert.match(await (await fetch(`${here().weir.url}/health`)).text(), /"store":\s*"postgres"/);
});

test('and back into a file', { skip }, async () => {
  await here().weir.ledgerOf(10, () => true);
  const now = await marks();
  assert.equal(await here().weir.stop(false), 0);
  await weir('store', 'copy', '--to', `${here().weir.dir}/data/weir.db`);
  use('');
  await here().weir.restart();
  assert.deepEqual(await marks(), now);
  assert.match(textOf((await client(key).messages.create(params('once more'))).content), /once more/);
  assert.match(await weir('ledger', 'verify'), /every balance is the sum of its rows/);
});
