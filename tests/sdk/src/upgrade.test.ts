// A process that is replaced while it serves: no stream is cut, no request fails, nothing is counted twice or not at all; and when the new one
// fails, the old one carries on.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, realpathSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect as http2Connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Anthropic, KEY, KEYS, Sim, Weir, config, costOf, eventually, lives, needsWeir, textOf, type LedgerRow } from './harness.js';

const skip = needsWeir;
const sim = skip ? (undefined as unknown as Sim) : await Sim.start();
after(() => (skip ? undefined : sim.stop()));

const headers = { 'x-api-key': KEY, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' };
const body = (model: string, stream: boolean, max = 1000): string =>
  JSON.stringify({ model, max_tokens: max, stream, messages: [{ role: 'user', content: 'carry on' }] });

const good = { code: 0, says: /upgraded: process \d+ serves/ };
async function upgrade(weir: Weir, ...options: string[]): Promise<void> {
  const { code, out } = await weir.upgrade(...options);
  assert.equal(code, good.code, `${out}\n${weir.logs().slice(-3000)}`);
  assert.match(out, good.says);
}

/** Runs with a gateway of its own. */
async function withWeir(run: (weir: Weir) => Promise<void>, extra = '', write = config, binary?: (dir: string) => string): Promise<void> {
  const weir = await Weir.start(sim, extra, write, binary);
  try {
    await run(weir);
  } finally {
    const code = await weir.stop();
    assert.equal(code, 0, weir.logs().slice(-6000));
  }
}

/** One stream read to its end: how many words came, and whether it ended as it should. */
async function readStream(url: string, model: string, began: () => void = () => undefined, key = KEY): Promise<{ words: number; whole: boolean }> {
  const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers: { ...headers, 'x-api-key': key }, body: body(model, true) });
  assert.equal(answer.status, 200);
  const events = { words: 0, whole: false };
  let rest = '';
  const decoder = new TextDecoder();
  for await (const piece of answer.body as AsyncIterable<Uint8Array>) {
    rest += decoder.decode(piece, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === 'event: content_block_delta' && ++events.words === 1) began();
      if (line === 'event: message_stop') events.whole = true;
    }
  }
  return events;
}

/** A stream that has begun when this returns. */
async function openStream(url: string, model: string, key = KEY): Promise<Promise<{ words: number; whole: boolean }>[]> {
  let began = (): void => undefined;
  const first = new Promise<void>((resolve) => (began = resolve));
  const all = readStream(url, model, began, key);
  await Promise.race([first, all]);
  return [all];
}

async function plain(url: string, model = 'sim-text'): Promise<number> {
  const answer = await fetch(`${url}/v1/messages`, { method: 'POST', headers, body: body(model, false) });
  await answer.text();
  return answer.status;
}

const OPEN = Number(process.env.UPGRADE_STREAMS ?? 500);

test(`ten upgrades under ${OPEN} open streams: none is cut, none doubled, the ledger is exact`, { skip, timeout: 170000 }, async () => {
  await withWeir(async (weir) => {
    const words = 45;
    const model = `sim-long-${words}+drip-500`;
    const all = await Promise.all(Array.from({ length: OPEN }, () => openStream(weir.url, model)));
    const streams = all.flat();
    const pids = new Set([weir.pid]);
    for (let generation = 2; generation <= 11; generation++) {
      await upgrade(weir);
      const status = await weir.status();
      assert.equal(status.generation, generation);
      assert.ok(!pids.has(status.pid));
      pids.add(status.pid);
      streams.push(...(await openStream(weir.url, `sim-long-20+drip-100`)));
    }
    const { predecessors } = await weir.status();
    assert.ok(predecessors.some((p) => p.pid === weir.pid), 'the first process still has its streams');
    const ends = await Promise.all(streams);
    assert.ok(ends.every((e) => e.whole), `${ends.filter((e) => !e.whole).length} streams were cut`);
    assert.ok(ends.slice(0, OPEN).every((e) => e.words === words));
    assert.ok(ends.slice(OPEN).every((e) => e.words === 20));
    const rows = await weir.ledgerOf(OPEN + 10, (r) => r.streamed);
    assert.equal(rows.length, OPEN + 10);
    assert.equal(new Set(rows.map((r) => r.request_id)).size, OPEN + 10);
    assert.ok(rows.every((r) => r.outcome === 'ok' && r.cost_nano === costOf(r.usage)));
    assert.equal(rows.reduce((n, r) => n + r.usage.output, 0), OPEN * words + 10 * 20);
    const verified = await weir.command('ledger', 'verify');
    assert.equal(verified.code, 0, verified.out);
    assert.ok(!weir.logs().includes('ledger_store_failing'), 'the store takes the rows of all processes');
    await eventually('the old processes have ended', async () => (await weir.status()).predecessors.length === 0, 20000);
  });
});

const ROUNDS = Number(process.env.UPGRADE_ROUNDS ?? 3);

test(`clients that keep their connections see no failed request over ${ROUNDS} upgrades`, { skip, timeout: 120000 + ROUNDS * 2000 }, async () => {
  await withWeir(async (weir) => {
    const client = new Anthropic({ baseURL: weir.url, apiKey: KEY, maxRetries: 0 });
    let going = true;
    const counts = { raw: 0, sdk: 0, http2: 0, failed: [] as string[] };
    const loop = async (kind: 'raw' | 'sdk' | 'http2', call: () => Promise<void>): Promise<void> => {
      while (going) {
        try {
          await call();
          counts[kind]++;
        } catch (e) {
          counts.failed.push(`${kind}: ${String(e)} ${String((e as { cause?: unknown }).cause ?? '')}`);
        }
        await sleep(Math.random() * 5);
      }
    };
    const session = (): ReturnType<typeof http2Connect> => http2Connect(weir.url);
    let shared = session();
    // A client of HTTP/2 opens a new connection when the old one asks it to go away.
    const http2 = async (): Promise<void> => {
      if (shared.closed || shared.destroyed || leaving) {
        shared = session();
        leaving = false;
        watch();
      }
      const stream = shared.request({ ':method': 'POST', ':path': '/v1/messages', ...headers });
      stream.end(body('sim-text', false));
      const status = await new Promise<number>((resolve, reject) => {
        stream.on('response', (h) => resolve(Number(h[':status'])));
        // Node had not sent it yet when it was asked to go: REFUSED_STREAM says that nothing was done (RFC 9113 section 8.7), so it is tried again.
        stream.on('error', (e) => (stream.rstCode === 7 ? resolve(0) : reject(e)));
      });
      stream.resume();
      if (status === 0) return http2();
      assert.equal(status, 200);
    };
    let leaving = false;
    const watch = (): void => {
      shared.on('goaway', () => (leaving = true));
      shared.on('error', () => undefined);
    };
    watch();
    const loops = [
      ...Array.from({ length: 12 }, () => loop('raw', async () => assert.equal(await plain(weir.url), 200))),
      ...Array.from({ length: 4 }, () =>
        loop('sdk', async () => {
          const m = await client.messages.create({ model: 'alias', max_tokens: 50, messages: [{ role: 'user', content: 'still there' }] });
          assert.match(textOf(m.content), /still there/);
        }),
      ),
      loop('http2', http2),
    ];
    // Every kind of client is served by each process, however slow the machine is.
    const served = async (): Promise<void> => {
      const { raw, sdk, http2 } = counts;
      await eventually('all are served', async () => counts.failed.length > 0 || (counts.raw >= raw + 30 && counts.sdk >= sdk + 8 && counts.http2 >= http2 + 3), 60000);
    };
    for (let i = 0; i < ROUNDS; i++) {
      await served();
      await upgrade(weir);
    }
    await served();
    going = false;
    await Promise.all(loops);
    shared.close();
    assert.deepEqual(counts.failed, []);
    const rows = await weir.ledgerOf(counts.raw + counts.sdk + counts.http2, () => true);
    assert.equal(rows.length, counts.raw + counts.sdk + counts.http2);
    assert.ok(rows.every((r) => r.outcome === 'ok'));
  });
});

test('reloading again and again under load fails no request', { skip, timeout: 120000 }, async () => {
  await withWeir(async (weir) => {
    const text = readFileSync(weir.file, 'utf8');
    const changed = [
      text.replace('timeouts: {', 'timeouts: { total: 59m,'),
      text.replace('models:', 'models:\n  - { name: extra, wire: anthropic, targets: [ { provider: anthropic, model: sim-text } ] }'),
      text.replace('keys:', 'keys:\n  - { name: added, value: "wk-added-in-a-reload" }'),
      text.replace(/name: main, api_key: "sk-upstream-anthropic-secret"/, 'name: other, api_key: "sk-another"'),
    ];
    const failed: string[] = [];
    let calls = 0;
    let going = true;
    const loops = Array.from({ length: 16 }, async (_, i) => {
      while (going) {
        try {
          if (i % 4 === 0) {
            const end = await readStream(weir.url, 'sim-long-5');
            assert.deepEqual(end, { words: 5, whole: true });
          } else {
            assert.equal(await plain(weir.url, i % 2 ? 'alias' : 'sim-text'), 200);
          }
          calls++;
        } catch (e) {
          failed.push(String(e));
        }
      }
    });
    const first = (await weir.status()).config_generation;
    for (let i = 0; i < 40; i++) {
      writeFileSync(weir.file, changed[i % changed.length] ?? text);
      weir.signal('SIGHUP');
      await eventually('it is read', async () => (await weir.status()).config_generation === first + i + 1);
    }
    writeFileSync(weir.file, text);
    while (calls < 3000 && failed.length === 0) await sleep(20);
    going = false;
    await Promise.all(loops);
    assert.deepEqual(failed, []);
    const rows = await weir.ledgerOf(calls, () => true);
    assert.equal(rows.length, calls);
  });
});

/** A copy of the program that can be replaced. */
const copied = (dir: string): string => {
  copyFileSync(process.env.WEIR ?? 'build/weir', `${dir}/weir`);
  chmodSync(`${dir}/weir`, 0o755);
  return `${dir}/weir`;
};
function replaceBinary(weir: Weir, script: string, shell = '/bin/sh'): void {
  if (!existsSync(`${weir.dir}/weir.real`)) copyFileSync(weir.binary, `${weir.dir}/weir.real`);
  writeFileSync(`${weir.dir}/weir.new`, `#!${shell}\n${script}\n`);
  chmodSync(`${weir.dir}/weir.new`, 0o755);
  renameSync(`${weir.dir}/weir.new`, weir.binary);
}

test('a new program that fails leaves the old one serving, streams and all', { skip, timeout: 120000 }, async () => {
  await withWeir(
    async (weir) => {
      const [stream] = await openStream(weir.url, 'sim-long-60+drip-100');
      const text = readFileSync(weir.file, 'utf8');
      const attempt = async (says: RegExp): Promise<void> => {
        const { status, body: answer } = await weir.local('POST', '/upgrade?timeout_ms=1500');
        assert.equal(status, 500, answer);
        assert.match(answer, says);
        assert.equal(await plain(weir.url), 200);
        const now = await weir.status();
        assert.deepEqual([now.pid, now.generation, now.predecessors.length], [weir.pid, 1, 0]);
      };
      writeFileSync(weir.file, text.replace('providers:', 'provders:'));
      await attempt(/the new process says: the configuration is not valid/);
      writeFileSync(weir.file, text.replace('data\n', 'other\n'));
      await attempt(/other is not the data_dir of the running weir/);
      writeFileSync(weir.file, `${text}store: memory\n`);
      await attempt(/the new process says: another kind of store needs a restart/);
      writeFileSync(weir.file, text.replace('listen: 127.0.0.1:0', `listen: [127.0.0.1:0, "${new URL(sim.url).host}"]`));
      await attempt(/already in use/);
      writeFileSync(weir.file, text);
      // dash knows no descriptor above 9.
      const speak = (...words: string[]): void =>
        replaceBinary(weir, `${words.map((w) => `echo "${w}" >&"$WEIR_HANDOVER"; sleep 0.2`).join('\n')}\nexec sleep 60`, '/bin/bash');
      replaceBinary(weir, 'exit 3');
      await attempt(/the new process ended with status 3/);
      replaceBinary(weir, 'kill -9 $$');
      await attempt(/the new process was ended by signal 9/);
      replaceBinary(weir, 'exec sleep 60');
      await attempt(/not ready within 1500 ms/);
      rmSync(weir.binary);
      await attempt(/cannot start .*weir: No such file/);
      speak('weir-handover 1');
      await attempt(/not ready within 1500 ms/);
      speak('weir-handover 1', 'ready');
      const waiting = attempt(/was ready but did not serve within 5000 ms/);
      await sleep(1500); // nobody accepts now; who comes waits
      assert.equal((await ask(httpRequest, { host: '127.0.0.1', port: new URL(weir.url).port, agent: false })).status, 200);
      await waiting;
      speak('weir-handover 99');
      await attempt(/hands over in another way \(version 99\)/);
      speak('nonsense');
      await attempt(/did not keep to the order/);
      assert.ok(!weir.logs().includes('"upgraded"'));
      // The command says it, too, and what lies there now is what is started.
      replaceBinary(weir, `touch "${weir.dir}/was-started"; exec "${weir.dir}/weir.real" "$@"`);
      writeFileSync(weir.file, text.replace('workers: 2', 'workers: none'));
      const refused = await weir.command('upgrade');
      assert.equal(refused.code, 1, refused.out);
      assert.match(refused.out, /workers/);
      writeFileSync(weir.file, text);
      await upgrade(weir);
      assert.ok(existsSync(`${weir.dir}/was-started`));
      assert.equal((await weir.status()).generation, 2);
      assert.deepEqual(await stream, { words: 60, whole: true });
    },
    '',
    config,
    copied,
  );
});

test('killed while it finishes, the old process leaves its calls to the new one, once', { skip, timeout: 60000 }, async () => {
  await withWeir(async (weir) => {
    const models = ['sim-long-400+drip-51', 'sim-long-400+drip-52', 'sim-long-400+drip-53'];
    const streams = (await Promise.all(models.map((m) => openStream(weir.url, m)))).flat();
    const failed = streams.map((s) => assert.rejects(s));
    await sleep(300);
    await upgrade(weir);
    const old = weir.pid;
    const [later] = await openStream(weir.url, 'sim-long-30+drip-100');
    assert.deepEqual((await weir.status()).predecessors.map((p) => p.pid), [old]);
    weir.signal('SIGKILL');
    await Promise.all(failed);
    const rows = await weir.ledgerOf(3, (r) => models.includes(r.model));
    assert.equal(rows.length, 3);
    assert.ok(rows.every((r) => r.outcome === 'recovered'), JSON.stringify(rows.map((r) => r.outcome)));
    assert.ok(rows.every((r) => r.usage.input > 0), 'with what the provider had said by then');
    await eventually('it is not followed any more', async () => (await weir.status()).predecessors.length === 0);
    assert.deepEqual(await later, { words: 30, whole: true });
    await weir.ledgerOf(4, () => true);
    const verified = await weir.command('ledger', 'verify');
    assert.equal(verified.code, 0, verified.out);
    assert.match(weir.logs(), /"ledger_recovered","attempts":3/);
    await weir.ended(); // reaped with its signal; the stop at the end is about the new one
  }).catch((e: unknown) => {
    // The process that was started was killed, so its exit status is none: that alone is no failure.
    if (!(e instanceof assert.AssertionError) || e.actual !== null || e.expected !== 0) throw e;
  });
});

test('a new process that is killed before it serves takes nothing with it', { skip, timeout: 60000 }, async () => {
  await withWeir(
    async (weir) => {
      const [stream] = await openStream(weir.url, 'sim-long-40+drip-100');
      replaceBinary(weir, `echo $$ >"${weir.dir}/pid"; sleep 0.3; exec "${weir.dir}/weir.real" "$@"`);
      for (const delay of [0, 100, 250, 330, 360, 400]) {
        rmSync(`${weir.dir}/pid`, { force: true });
        const answer = weir.local('POST', '/upgrade');
        await eventually('the new process runs', async () => existsSync(`${weir.dir}/pid`) && readFileSync(`${weir.dir}/pid`, 'utf8').endsWith('\n'));
        await sleep(delay);
        const pid = Number(readFileSync(`${weir.dir}/pid`, 'utf8'));
        if ((await weir.status()).pid === pid) break; // it was faster
        process.kill(pid, 'SIGKILL');
        const { status, body: said } = await answer;
        if (status === 200) break;
        assert.match(said, /was ended by signal 9/);
        assert.equal((await weir.status()).pid, weir.pid);
        assert.equal(await plain(weir.url), 200);
      }
      assert.deepEqual(await stream, { words: 40, whole: true });
      await weir.ledgerOf(1, (r) => r.streamed && r.outcome === 'ok');
    },
    '',
    config,
    copied,
  );
});

const BUDGETED = 'wk-test-budgeted-0005';

test('a budget holds across an upgrade, and what was reserved and not used comes back', { skip, timeout: 60000 }, async () => {
  const budget = 40_000_000; // nano-USD: two calls of 1,000 tokens of output may run at once, three may not
  await withWeir(
    async (weir) => {
      const call = (model: string): Promise<Response> =>
        fetch(`${weir.url}/v1/messages`, { method: 'POST', headers: { ...headers, 'x-api-key': BUDGETED }, body: body(model, false) });
      const [held] = await openStream(weir.url, 'sim-long-25+drip-200', BUDGETED);
      await upgrade(weir);
      const second = call('sim-slow-1500');
      await sleep(300);
      const third = await call('sim-text');
      assert.equal(third.status, 429, await third.text());
      assert.equal((await second).status, 200);
      assert.deepEqual(await held, { words: 25, whole: true });
      await eventually('the old one has said what its call cost', async () => (await weir.status()).predecessors.length === 0, 10000);
      const answers = await Promise.all(['sim-slow-300', 'sim-slow-301', 'sim-slow-302', 'sim-slow-303'].map(call));
      const statuses = answers.map((a) => a.status).sort();
      assert.deepEqual(statuses, [200, 200, 429, 429], 'two fit again, beside what has been spent');
      const rows = await weir.ledgerOf(4, (r) => r.key_name === 'budgeted');
      const spent = rows.reduce((n: number, r: LedgerRow) => n + (r.cost_nano ?? 0), 0);
      assert.ok(spent > 0 && spent <= budget, String(spent));
    },
    `  - { name: budgeted, value: "${BUDGETED}", budget: { usd: 0.040000000, period: month } }\n`,
  );
});

test('a budget holds when the old process dies with its call open', { skip, timeout: 60000 }, async () => {
  const weir = await Weir.start(sim, `  - { name: budgeted, value: "${BUDGETED}", budget: { usd: 0.020000000, period: month } }\n`);
  try {
    const call = (): Promise<Response> =>
      fetch(`${weir.url}/v1/messages`, { method: 'POST', headers: { ...headers, 'x-api-key': BUDGETED }, body: body('sim-text', false) });
    const [held] = await openStream(weir.url, 'sim-long-400+drip-55', BUDGETED);
    const failed = assert.rejects(held ?? Promise.resolve());
    await upgrade(weir);
    assert.equal((await call()).status, 429);
    weir.signal('SIGKILL');
    await failed;
    await eventually('the call is recovered and its reservation gone', async () => (await call()).status === 200, 10000);
    const rows = await weir.ledgerOf(2, (r) => r.key_name === 'budgeted');
    assert.deepEqual(rows.map((r) => r.outcome).sort(), ['ok', 'recovered']);
  } finally {
    await weir.stop();
  }
});

/** A request by other ways than fetch knows. */
function ask(make: typeof httpRequest, options: RequestOptions & { rejectUnauthorized?: boolean }): Promise<{ status: number; lines: string[] }> {
  return new Promise((resolve, reject) => {
    const rq = make({ method: 'POST', path: '/v1/messages', headers, ...options }, (answer: IncomingMessage) => {
      let text = '';
      answer.on('data', (d: Buffer) => (text += d.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, lines: text.split('\n') }));
      answer.on('error', reject);
    });
    rq.on('error', reject);
    rq.end(body('sim-long-15+drip-100', true));
  });
}
const isWhole = (got: { status: number; lines: string[] }): void => {
  assert.equal(got.status, 200);
  assert.equal(got.lines.filter((l) => l === 'event: content_block_delta').length, 15);
  assert.ok(got.lines.includes('event: message_stop'));
};

test('unix and TLS listeners are handed over as well', { skip, timeout: 60000 }, async () => {
  const write = (s: Sim, dir: string, extra = ''): string => {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=localhost', '-keyout', `${dir}/tls.key`, '-out', `${dir}/tls.pem`], { stdio: 'ignore' });
    return `tls: { cert: "${dir}/tls.pem", key: "${dir}/tls.key" }\n${config(s, dir, extra).replace('listen: 127.0.0.1:0', `listen: [127.0.0.1:0, "unix:${dir}/weir.sock"]`)}`;
  };
  await withWeir(
    async (weir) => {
      const tls = (): Promise<{ status: number; lines: string[] }> =>
        ask(httpsRequest as typeof httpRequest, { host: '127.0.0.1', port: new URL(weir.url).port, rejectUnauthorized: false, agent: false });
      const unix = (): Promise<{ status: number; lines: string[] }> =>
        ask(httpsRequest as typeof httpRequest, { socketPath: `${weir.dir}/weir.sock`, rejectUnauthorized: false, agent: false } as RequestOptions);
      const before = [tls(), unix(), tls(), unix()];
      await sleep(300);
      for (let i = 0; i < 2; i++) {
        await upgrade(weir);
        assert.ok(existsSync(`${weir.dir}/weir.sock`));
        before.push(tls(), unix());
      }
      for (const answer of await Promise.all(before)) isWhole(answer);
      const { pid } = await weir.status();
      weir.signalTo(pid, 'SIGTERM');
      await eventually('it has ended', async () => !lives(pid), 20000);
      assert.ok(!existsSync(`${weir.dir}/weir.sock`) && !existsSync(`${weir.dir}/data/weir.sock`), 'the files of the sockets are gone');
    },
    '',
    write,
  );
});

test('an upgrade takes up another number of workers and another list of addresses', { skip, timeout: 60000 }, async () => {
  await withWeir(async (weir) => {
    const text = readFileSync(weir.file, 'utf8');
    const streams: Promise<{ words: number; whole: boolean }>[] = [];
    const urls = (): string[] => [...weir.logs().matchAll(/weir: ready on (\S+)/g)].map((m) => m[1] ?? '');
    for (const workers of [4, 1, 3, 2]) {
      writeFileSync(weir.file, text.replace('workers: 2', `workers: ${workers}`));
      streams.push(...(await openStream(weir.url, 'sim-long-20+drip-100')));
      await upgrade(weir);
      // More connections than workers and sockets, so that each has some.
      const statuses = await Promise.all(Array.from({ length: 24 }, () => plain(weir.url)));
      assert.ok(statuses.every((s) => s === 200));
    }
    assert.ok(urls().every((u) => u === weir.url), urls().join(' '));
    writeFileSync(weir.file, text.replace('listen: 127.0.0.1:0', 'listen: [127.0.0.1:0, 127.0.0.2:0]'));
    await upgrade(weir);
    const second = urls().find((u) => u.includes('127.0.0.2')) ?? '';
    assert.equal(await plain(second), 200);
    streams.push(...(await openStream(second, 'sim-long-20+drip-100')));
    writeFileSync(weir.file, text);
    await upgrade(weir);
    await assert.rejects(ask(httpRequest, { host: '127.0.0.2', port: new URL(second).port, agent: false }), /ECONNREFUSED/);
    assert.equal(await plain(weir.url), 200);
    for (const end of await Promise.all(streams)) assert.deepEqual(end, { words: 20, whole: true });
  });
});

test('USR2 upgrades as the command does; status tells both; what cannot be is refused', { skip, timeout: 60000 }, async () => {
  await withWeir(async (weir) => {
    const before = await weir.command('status');
    assert.equal(before.code, 0, before.out);
    assert.match(before.out, new RegExp(`process ${weir.pid}, generation 1, serving`));
    const [stream] = await openStream(weir.url, 'sim-long-30+drip-100');
    weir.signal('SIGUSR2');
    await eventually('another serves', async () => (await weir.status()).generation === 2, 10000);
    const { pid } = await weir.status();
    const shown = await weir.command('status');
    assert.match(shown.out, new RegExp(`process ${pid}, generation 2`));
    assert.match(shown.out, new RegExp(`replaced: process ${weir.pid} \\(generation 1\\)`));
    assert.equal((JSON.parse((await weir.command('status', '--json')).out) as { pid: number }).pid, pid);
    assert.equal((await fetch(`${weir.url}/health/ready`)).status, 200);
    weir.signal('SIGUSR2'); // the old one does not start another
    const wrong = [
      ['GET', '/upgrade', 405],
      ['POST', '/upgrade?timeout_ms=0', 400],
      ['POST', '/upgrade?what=1', 400],
      ['GET', '/nothing', 404],
    ] as const;
    for (const [method, path, status] of wrong) assert.equal((await weir.local(method, path)).status, status, path);
    assert.equal((await weir.command('upgrade', '--timeout', 'soon')).code, 2);
    assert.deepEqual(await stream, { words: 30, whole: true });
    assert.equal((await weir.status()).generation, 2);
    process.kill(pid, 'SIGTERM');
    await eventually('it has ended', async () => !lives(pid), 20000);
    const none = await weir.command('status');
    assert.equal(none.code, 1);
    assert.match(none.out, /no weir runs there/);
  });
  const memory = await Weir.start(sim, 'store: memory\n', (s, dir, extra = '') => extra + config(s, dir));
  try {
    const refused = await memory.command('upgrade');
    assert.equal(refused.code, 1);
    assert.match(refused.out, /store: memory/);
    memory.signal('SIGUSR2');
    await eventually('the log says why not', async () => memory.logs().includes('an upgrade would lose what the store holds'));
    assert.equal(await plain(memory.url), 200);
  } finally {
    await memory.stop();
  }
});

test('a data_dir whose path is too long for a socket: signals upgrade all the same', { skip, timeout: 60000 }, async () => {
  await withWeir(
    async (weir) => {
      assert.match(weir.logs(), /no_local_socket/);
      const asked = await weir.command('status');
      assert.equal(asked.code, 1);
      assert.match(asked.out, /a unix socket has at most 107 bytes/);
      const [stream] = await openStream(weir.url, 'sim-long-15+drip-100');
      weir.signal('SIGUSR2');
      const pid = (): number => Number(/"event":"upgraded","pid":(\d+)/.exec(weir.logs())?.[1] ?? 0);
      await eventually('another serves', async () => pid() > 0, 10000);
      weir.takes(pid());
      assert.equal(await plain(weir.url), 200);
      assert.deepEqual(await stream, { words: 15, whole: true });
    },
    '',
    (s, dir, extra) => config(s, dir, extra).replace('/data\n', `/${'long'.repeat(30)}\n`),
  );
});

test('TERM ends the old processes with the new one; KEYS of either side are the same', { skip, timeout: 60000 }, async () => {
  await withWeir(async (weir) => {
    const streams = [...(await openStream(weir.url, 'sim-long-20+drip-100'))];
    await upgrade(weir);
    streams.push(...(await openStream(weir.url, 'sim-long-20+drip-100')));
    await upgrade(weir);
    const blocked = await fetch(`${weir.url}/v1/messages`, { method: 'POST', headers: { ...headers, 'x-api-key': KEYS.blocked }, body: body('sim-text', false) });
    assert.equal(blocked.status, 403);
    const { pid, predecessors } = await weir.status();
    assert.equal(predecessors.length, 2);
    weir.signalTo(pid, 'SIGTERM');
    await eventually('it says that it ends', async () => (await weir.status()).draining);
    assert.equal((await weir.local('POST', '/upgrade')).status, 409);
    for (const end of await Promise.all(streams)) assert.deepEqual(end, { words: 20, whole: true });
    await eventually('all have ended', async () => ![pid, ...predecessors.map((p) => p.pid)].some(lives), 20000);
    const rows = await weir.ledgerOf(2, (r) => r.streamed);
    assert.ok(rows.every((r) => r.outcome === 'ok'));
  });
});

test('at most 32 processes live at one time; one more upgrade is refused', { skip, timeout: 120000 }, async (t) => {
  const room = statfsSync(tmpdir());
  if (room.bavail * room.bsize < 2e9) return t.skip('32 journals need room');
  const stop = new AbortController();
  await withWeir(
    async (weir) => {
      const open = async (): Promise<void> => {
        const answer = await fetch(`${weir.url}/v1/messages`, { method: 'POST', headers, body: body('sim-long-1000+drip-200', true), signal: stop.signal });
        assert.equal(answer.status, 200);
        void answer.text().catch(() => undefined);
      };
      await open();
      for (let i = 0; i < 31; i++) {
        await upgrade(weir);
        await open();
      }
      assert.equal((await weir.status()).predecessors.length, 31);
      const refused = await weir.upgrade();
      assert.equal(refused.code, 1);
      assert.match(refused.out, /not upgraded: 31 replaced processes still finish their calls; at most 31 may/);
      assert.equal(await plain(weir.url), 200);
      stop.abort();
      await eventually('they have ended', async () => (await weir.status()).predecessors.length === 0, 20000);
      await upgrade(weir);
    },
    '',
    (s, dir, extra) => config(s, dir, extra).replace('workers: 2', 'workers: 1'),
  );
});

test('the units for systemd are valid and start this program', { skip }, async (t) => {
  const from = process.env.WEIR_ROOT ? `${process.env.WEIR_ROOT}/deploy/systemd/` : 'deploy/systemd/';
  const dir = mkdtempSync(join(tmpdir(), 'weir-units-'));
  try {
    const binary = realpathSync(process.env.WEIR ?? 'build/weir');
    const service = readFileSync(`${from}weir.service`, 'utf8');
    assert.match(service, /^Type=notify$/m);
    assert.match(service, /^ExecStart=\/usr\/local\/bin\/weir serve -c \/etc\/weir\/weir\.yaml$/m);
    writeFileSync(`${dir}/weir.service`, service.replace('/usr/local/bin/weir', binary));
    copyFileSync(`${from}weir.socket`, `${dir}/weir.socket`);
    const { error, status, stdout, stderr } = spawnSync('systemd-analyze', ['verify', `${dir}/weir.service`, `${dir}/weir.socket`], { encoding: 'utf8' });
    if (error) return t.skip('systemd-analyze is not installed');
    assert.deepEqual([status, stdout + stderr], [0, '']); // what it does not know it only complains of
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
