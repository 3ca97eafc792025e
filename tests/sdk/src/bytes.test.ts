// Pass-through to the byte, in both directions, and what odd framing, compression and slow readers do to it.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Anthropic, KEY, direct, needsWeir, openai, start, textOf } from './harness.js';

const world = await start();
after(() => world.stop());

const sha = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');

interface Answer {
  status: number;
  type: string | null;
  bytes: Buffer;
}
async function post(base: string, path: string, body: string): Promise<Answer> {
  const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', authorization: `Bearer ${KEY}`, 'accept-encoding': 'identity' };
  const answer = await fetch(`${base}${path}`, { method: 'POST', headers, body });
  return { status: answer.status, type: answer.headers.get('content-type'), bytes: Buffer.from(await answer.arrayBuffer()) };
}

const odd = (model: string, stream: boolean, more = ''): string =>
  `\n{ "unknown" : [1.50, 1e2,\t-0 , {"é\\u00e9\\/" : null}],\r\n  "stream":${String(stream)} ,"model"\t:  "${model}"  ,${more}` +
  `"max_tokens":90,\n"messages" :[ {"content":"odd \\u0062ytes \\ud83d\\ude42", "role":"user"}] ,"metadata":{} }  \n`;

for (const path of ['/v1/messages', '/v1/chat/completions']) {
  for (const stream of [false, true]) {
    const what = `${path}, ${stream ? 'streamed' : 'plain'}`;
    // A streamed chat asks for usage itself here, so that nothing has to be put in.
    const more = stream && path.includes('chat') ? '"stream_options" : { "include_usage":true },' : '';

    test(`a request that needs no edit arrives byte for byte: ${what}`, async () => {
      const body = odd('sim-text', stream, more);
      assert.equal((await post(world.url, path, body)).status, 200);
      const seen = await world.sim.last('odd');
      assert.equal(seen.body, body);
      assert.equal(seen.body_sha256, sha(body));
    });

    test(`an alias changes the value of model and not another byte: ${what}`, { skip: needsWeir }, async () => {
      const body = odd('alias', stream, more);
      assert.equal((await post(world.url, path, body)).status, 200);
      assert.equal((await world.sim.last('odd')).body, body.replace('"alias"', '"sim-text"'));
    });

    test(`an answer arrives byte for byte: ${what}`, { skip: needsWeir }, async () => {
      for (const model of ['sim-text', 'sim-thinking', 'sim-fail-400', 'sim-fail-429', 'sim-frame-7+cache', 'sim-long-300+merge']) {
        const body = odd(model, stream, more);
        await world.sim.reset();
        const straight = await post(world.sim.url, path, body);
        await world.sim.reset();
        const through = await post(world.url, path, body);
        assert.equal(through.status, straight.status, model);
        assert.equal(through.type, straight.type, model);
        // Errors hold the id of their request, which counts calls since the reset: equal as well.
        assert.equal(through.bytes.toString(), straight.bytes.toString(), model);
      }
    });
  }
}

test('asking for usage adds that and nothing else', { skip: needsWeir }, async () => {
  const body = odd('sim-text', true);
  await post(world.url, '/v1/chat/completions', body);
  const seen = (await world.sim.last('odd')).body;
  const inserted = seen.length - body.length;
  const at = [...body].findIndex((c, i) => seen[i] !== c);
  assert.ok(inserted > 0);
  assert.equal(seen.slice(0, at) + seen.slice(at + inserted), body);
  assert.equal((JSON.parse(seen) as { stream_options: { include_usage: boolean } }).stream_options.include_usage, true);
});

const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
const params = (model: string, content: string): Anthropic.MessageCreateParamsNonStreaming => ({
  model,
  max_tokens: 5000,
  messages: [{ role: 'user', content }],
});

for (const model of ['sim-gzip', 'sim-gzip+frame-1', 'sim-frame-1', 'sim-frame-2+thinking', 'sim-frame-3+tools', 'sim-merge+long-400', 'sim-frame-13+long-50']) {
  test(`${model}: the SDK sees an ordinary answer, plain and streamed`, async () => {
    const p = params(model, 'odd framing é🙂');
    const plain = await client.messages.create(p);
    const streamed = await client.messages.stream(p).finalMessage();
    assert.equal(textOf(streamed.content), textOf(plain.content));
    assert.equal(streamed.usage.output_tokens, plain.usage.output_tokens);
    const chat = await openai(world.url).chat.completions.create({ model, messages: [{ role: 'user', content: 'odd framing' }] });
    let text = '';
    for await (const chunk of await openai(world.url).chat.completions.create({ model, messages: [{ role: 'user', content: 'odd framing' }], stream: true })) {
      text += chunk.choices[0]?.delta.content ?? '';
    }
    assert.equal(text, chat.choices[0]?.message.content ?? '');
    if (direct) return;
    const rows = await world.weir.ledgerOf(4, (r) => r.model === model);
    assert.equal(rows.length, 4);
    for (const row of rows) {
      assert.equal(row.outcome, 'ok', JSON.stringify(row));
      if (row.wire === 'anthropic') assert.equal(row.usage.output, plain.usage.output_tokens);
      else assert.equal(row.usage.output, chat.usage?.completion_tokens);
    }
  });
}

test('the time between events is kept: a dripping stream is not gathered', async () => {
  const begin = Date.now();
  let first = 0;
  for await (const event of await client.messages.create({ ...params('sim-long-10+drip-150', 'drip'), stream: true })) {
    if (event.type === 'content_block_delta' && first === 0) first = Date.now() - begin;
  }
  const total = Date.now() - begin;
  assert.ok(total >= 400, `${total} ms`);
  assert.ok(first < total / 2, `first text after ${first} of ${total} ms`);
});

test('a slow reader slows the provider and memory stays bounded', { skip: needsWeir }, async () => {
  const readers = 3;
  const body = JSON.stringify({ ...params('sim-long-400000', 'much'), max_tokens: 400000, stream: true });
  await client.messages.create(params('sim-text', 'warm'));
  await world.sim.reset();
  const before = world.weir.rssKb();
  const open = await Promise.all(
    Array.from({ length: readers }, () =>
      new Promise<{ resume(): Promise<number> }>((resolve, reject) => {
        const headers = { 'x-api-key': KEY, 'anthropic-version': '2023-06-01', 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
        const r = request(`${world.url}/v1/messages`, { method: 'POST', headers }, (answer) => {
          answer.pause();
          const resume = (): Promise<number> =>
            new Promise((done, failed) => {
              let bytes = 0;
              answer.on('data', (d: Buffer) => (bytes += d.length));
              answer.on('end', () => done(bytes));
              answer.on('error', failed);
              answer.resume();
            });
          resolve({ resume });
        });
        r.on('error', reject);
        r.end(body);
      }),
    ),
  );
  await sleep(1500);
  const grown = world.weir.rssKb() - before;
  // Each stream is about 48 MB, more than the kernel buffers of four sockets grow to; the gateway holds a buffer or two of it.
  assert.ok(grown < readers * 1024, `${grown} KB more for ${readers} stalled streams`);
  assert.equal((await world.sim.stats()).streams_finished, 0, 'the provider was read faster than the client reads');
  const bytes = await Promise.all(open.map((o) => o.resume()));
  for (const n of bytes) assert.ok(n > 40_000_000, `${n} bytes`);
  const rows = await world.weir.ledgerOf(readers, (r) => r.model === 'sim-long-400000');
  for (const row of rows) assert.equal(row.usage.output, 400000);
});
