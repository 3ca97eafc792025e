// The process around the requests: draining, reloading, dying in the middle, and a ledger that is exact through all of it.
import { after, beforeEach, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Anthropic, KEY, costOf, eventually, needsWeir, openai, start, textOf, type LedgerRow } from './harness.js';

const world = await start();
after(() => world.stop());
const skip = needsWeir;

const client = (): Anthropic => new Anthropic({ baseURL: world.weir.url, apiKey: KEY, maxRetries: 0 });
const params = (model: string, content = 'carry on'): Anthropic.MessageCreateParamsNonStreaming => ({
  model,
  max_tokens: 1000,
  messages: [{ role: 'user', content }],
});

beforeEach(() => (needsWeir ? undefined : world.sim.reset()));

test('health and metrics answer without a key', { skip }, async () => {
  for (const path of ['/health', '/health/live', '/health/ready', '/metrics']) {
    const answer = await fetch(`${world.weir.url}${path}`);
    assert.equal(answer.status, 200, `${path}: ${await answer.text()}`);
  }
});

test('the ledger of a mixed run is exact: rows, tokens, cost', { skip }, async () => {
  const known = new Set((await world.weir.ledger()).map((r) => r.request_id + r.attempt));
  const expected = { rows: 0, input: 0, output: 0 };
  const add = (input: number, output: number): void => {
    expected.rows++;
    expected.input += input;
    expected.output += output;
  };
  await Promise.all(
    Array.from({ length: 40 }, async (_, i) => {
      if (i % 4 === 0) {
        const m = await client().messages.create(params('sim-text', `mixed ${i}`));
        add(m.usage.input_tokens, m.usage.output_tokens);
      } else if (i % 4 === 1) {
        const m = await client().messages.stream(params(`sim-long-${i}`, `mixed ${i}`)).finalMessage();
        add(m.usage.input_tokens, m.usage.output_tokens);
      } else if (i % 4 === 2) {
        const c = await openai(world.weir.url).chat.completions.create({ model: 'alias', messages: [{ role: 'user', content: `mixed ${i}` }] });
        add(c.usage?.prompt_tokens ?? 0, c.usage?.completion_tokens ?? 0);
      } else {
        await assert.rejects(client().messages.create(params('sim-fail-400')));
        expected.rows++;
      }
    }),
  );
  const rows = await world.weir.ledgerOf(expected.rows, (r) => !known.has(r.request_id + r.attempt));
  const sum = (of: (r: LedgerRow) => number): number => rows.reduce((n, r) => n + of(r), 0);
  assert.equal(rows.length, expected.rows);
  assert.equal(new Set(rows.map((r) => r.request_id + r.attempt)).size, rows.length);
  assert.equal(sum((r) => r.usage.output), expected.output);
  assert.equal(sum((r) => (r.outcome === 'ok' ? r.usage.input : 0)), expected.input);
  assert.equal(sum((r) => r.cost_nano ?? 0), sum((r) => (r.outcome === 'ok' ? costOf(r.usage) : 0)));
  assert.ok(rows.every((r) => r.key_name === 'all' && r.duration_us > 0 && r.overhead_us >= 0));
  for (const r of rows.filter((r) => r.outcome === 'ok')) assert.equal(typeof r.provider_metadata?.service_tier, 'string', JSON.stringify(r));
  for (const r of rows) assert.ok(r.reserved_nano >= (r.cost_nano ?? 0), JSON.stringify(r));
  const { code, out } = await world.weir.command('ledger', 'verify');
  assert.equal(code, 0, out);
});

test('HUP with a bad configuration keeps the old one and says why; a good one is taken', { skip }, async () => {
  const good = readFileSync(world.weir.file, 'utf8');
  writeFileSync(world.weir.file, good.replace('providers:', 'provders:'));
  world.weir.signal('SIGHUP');
  await eventually('the log names the mistake', async () => world.weir.logs().includes('config_reload_failed'));
  const said = world.weir.logs().split('\n').filter((line) => line.includes('provders'));
  assert.equal(said.length, 1, said.join('\n'));
  const line = JSON.parse(said[0] ?? '') as { event: string; level: string; detail: string };
  assert.deepEqual([line.event, line.level], ['config_error', 'error']);
  assert.match(line.detail, /^\S+:\d+:\d+: unknown key `provders`, did you mean `providers`\?$/);
  assert.match(textOf((await client().messages.create(params('alias', 'still there'))).content), /still there/);
  await assert.rejects(client().messages.create(params('newcomer')), Anthropic.NotFoundError);
  writeFileSync(world.weir.file, good.replace('models:', 'models:\n  - { name: newcomer, wire: anthropic, targets: [ { provider: anthropic, model: sim-text } ] }'));
  world.weir.signal('SIGHUP');
  await eventually('the new model is there', async () => {
    try {
      await client().messages.create(params('newcomer', 'hello'));
      return true;
    } catch {
      return false;
    }
  });
  writeFileSync(world.weir.file, good);
  world.weir.signal('SIGHUP');
});

test('check names file and key, and loads the certificates', { skip }, async () => {
  const good = readFileSync(world.weir.file, 'utf8');
  const [one, other] = ['one', 'other'].map((name) => `${world.weir.dir}/${name}`) as [string, string];
  for (const name of [one, other]) {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', `${name}.key`, '-out', `${name}.pem`], { stdio: 'ignore' });
  }
  const cases: [string, RegExp | undefined][] = [
    [good, undefined],
    [`${good}\ntls: { cert: "${one}.pem", key: "${one}.key" }\nupstream_ca: "${one}.pem"\n`, undefined],
    [good.replace('127.0.0.1:0', 'localhost'), /\.yaml: `listen\[0\]`: "localhost" is not an address/],
    [`${good}\ntls: { cert: "${one}.pem", key: "${other}.key" }\n`, /\.yaml: `tls`: the private key \S+other\.key does not belong to the certificate/],
    [`${good}\ntls: { cert: "${one}.pem", key: "${one}.nokey" }\n`, /\.yaml: `tls`: .*one\.nokey/],
    [`${good}\nupstream_ca: "${one}.key"\n`, /\.yaml: `upstream_ca`: \S+one\.key holds no CA certificates/],
  ];
  for (const [text, wrong] of cases) {
    writeFileSync(world.weir.file, text);
    const { code, out } = await world.weir.command('check');
    assert.equal(code, wrong ? 1 : 0, out);
    assert.match(out, wrong ?? /is valid: 2 providers/);
  }
  writeFileSync(world.weir.file, good);
});

test('TERM lets a running stream come to its end and refuses new calls', { skip }, async () => {
  let words = 0;
  const stream = await client().messages.create({ ...params('sim-long-40+drip-25'), stream: true });
  let finished = false;
  for await (const event of stream) {
    if (event.type === 'content_block_delta' && ++words === 5) world.weir.signal('SIGTERM');
    if (event.type === 'message_stop') finished = true;
    if (words === 20) await assert.rejects(client().messages.create(params('sim-text')));
  }
  assert.equal(words, 40);
  assert.ok(finished);
  assert.equal(await world.weir.ended(), 0, world.weir.logs().slice(-2000));
  await world.weir.restart();
  const rows = await world.weir.ledgerOf(1, (r) => r.model === 'sim-long-40+drip-25');
  assert.equal(rows.length, 1);
  assert.equal(rows[0]?.outcome, 'ok');
  assert.equal(rows[0]?.usage.output, 40);
});

test('a second TERM ends running streams with an error event, not with a cut', { skip }, async () => {
  const model = 'sim-long-400+drip-21';
  const stream = await client().messages.create({ ...params(model), stream: true });
  let words = 0;
  await assert.rejects(async () => {
    for await (const event of stream) {
      if (event.type !== 'content_block_delta' || ++words !== 3) continue;
      world.weir.signal('SIGTERM');
      await eventually('the drain has begun', async () => world.weir.logs().includes('"draining"'));
      world.weir.signal('SIGTERM');
    }
  }, /shutting down/);
  assert.equal(await world.weir.ended(), 0, world.weir.logs().slice(-2000));
  await world.weir.restart();
  const rows = await world.weir.ledgerOf(1, (r) => r.model === model);
  assert.equal(rows.length, 1);
  assert.equal(rows[0]?.outcome, 'cut');
});

test('killed in the middle of a stream: after a restart the call is in the ledger, once, and the balances hold', { skip }, async () => {
  for (const model of ['sim-long-400+drip-20', 'sim-slow-20007']) {
    const pending = (async () => {
      for await (const event of await client().messages.create({ ...params(model), stream: true })) void event;
    })();
    const failed = assert.rejects(pending);
    await eventually('the simulator has the request', async () => (await world.sim.stats()).recent.some((r) => r.body.includes(model)));
    await sleep(200);
    world.weir.signal('SIGKILL');
    await world.weir.ended();
    await failed;
    await world.weir.restart();
    const rows = await world.weir.ledgerOf(1, (r) => r.model === model);
    assert.equal(rows.length, 1);
    assert.equal(rows[0]?.outcome, 'recovered');
    const { code, out } = await world.weir.command('ledger', 'verify');
    assert.equal(code, 0, out);
  }
  assert.match(textOf((await client().messages.create(params('sim-text', 'alive'))).content), /alive/);
});

test('a port that is taken and a configuration with a mistake are told plainly', { skip }, async () => {
  const checked = await world.weir.command('check');
  assert.equal(checked.code, 0, checked.out);
  const good = readFileSync(world.weir.file, 'utf8');
  writeFileSync(world.weir.file, good.replace('data_dir:', 'data_dri:'));
  const bad = await world.weir.command('check');
  assert.equal(bad.code, 1);
  assert.match(bad.out, /weir\.yaml:2:\d+: .*data_dri.*data_dir/);
  writeFileSync(world.weir.file, good.replace('listen: 127.0.0.1:0', `listen: ${new URL(world.weir.url).host}`).replace('/data\n', '/data2\n'));
  const taken = await world.weir.command('serve');
  writeFileSync(world.weir.file, good);
  assert.equal(taken.code, 1);
  assert.match(taken.out, /already in use/);
});
