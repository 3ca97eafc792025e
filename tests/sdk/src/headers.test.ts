// What travels and what does not: versions and betas go on, credentials and hop-by-hop fields stay, in both directions.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { KEY, UPSTREAM_ANTHROPIC, UPSTREAM_OPENAI, direct, generations, header, needsWeir, openai, start } from './harness.js';

const world = await start();
after(() => world.stop());

for (const { name, version, SDK } of generations) {
  test(`${name}: anthropic-version ${version} and beta headers arrive unchanged`, async () => {
    const client = new SDK({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
    await client.beta.messages.create(
      { model: 'sim-text', max_tokens: 5, betas: ['interleaved-thinking-2025-05-14', 'made-up-2026-01-01'], messages: [{ role: 'user', content: `beta ${name}` }] },
      { headers: { 'x-app': 'cli', 'x-claude-code-session-id': 'session-1' } },
    );
    const seen = await world.sim.last(`beta ${name}`);
    assert.equal(header(seen, 'anthropic-version'), version);
    assert.equal(header(seen, 'anthropic-beta'), 'interleaved-thinking-2025-05-14,made-up-2026-01-01');
    assert.equal(header(seen, 'x-app'), 'cli');
    assert.equal(header(seen, 'x-claude-code-session-id'), 'session-1');
    assert.match(header(seen, 'user-agent') ?? '', /Anthropic/);
    assert.match(seen.target, /^\/v1\/messages(\?beta=true)?$/);
    if (direct) return;
    const credential = header(seen, 'x-api-key') ?? header(seen, 'authorization') ?? '';
    assert.ok(credential.endsWith(UPSTREAM_ANTHROPIC));
    assert.ok(!JSON.stringify(seen.headers).includes(KEY));
  });
}

interface Raw {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}
/** A request with headers that fetch would not send. */
function send(path: string, headers: Record<string, string>, body: string): Promise<Raw> {
  return new Promise((resolve, reject) => {
    const r = request(`${world.url}${path}`, { method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) } }, (answer) => {
      let text = '';
      answer.on('data', (d: Buffer) => (text += d.toString()));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: text }));
    });
    r.on('error', reject);
    r.end(body);
  });
}

test('hop-by-hop fields, cookies and credentials of the caller stay here', { skip: needsWeir }, async () => {
  const body = JSON.stringify({ model: 'sim-text', max_tokens: 5, messages: [{ role: 'user', content: 'hop by hop' }] });
  const answer = await send(
    '/v1/messages',
    {
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
      'x-api-key': KEY,
      connection: 'keep-alive, x-secret-hop',
      'x-secret-hop': 'stays',
      'keep-alive': 'timeout=5',
      te: 'trailers',
      'proxy-authorization': 'Basic c2VjcmV0',
      cookie: 'session=secret-cookie',
      'x-forwarded-for': '10.1.2.3',
      'x-custom': 'travels',
    },
    body,
  );
  assert.equal(answer.status, 200, answer.body);
  const seen = await world.sim.last('hop by hop');
  for (const name of ['x-secret-hop', 'keep-alive', 'te', 'proxy-authorization', 'cookie', 'x-forwarded-for']) assert.equal(header(seen, name), undefined, name);
  assert.equal(header(seen, 'x-custom'), 'travels');
  assert.equal(header(seen, 'host'), new URL(world.sim.url).host);
});

test('answers show nothing of the gateway\'s own credentials', { skip: needsWeir }, async () => {
  for (const [path, model] of [['/v1/messages', 'sim-text'], ['/v1/messages', 'sim-fail-401'], ['/v1/chat/completions', 'sim-text'], ['/v1/chat/completions', 'sim-fail-401']]) {
    const body = JSON.stringify({ model, max_tokens: 5, messages: [{ role: 'user', content: 'x' }] });
    const answer = await send(path ?? '', { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', authorization: `Bearer ${KEY}` }, body);
    const whole = JSON.stringify(answer);
    for (const secret of [UPSTREAM_ANTHROPIC, UPSTREAM_OPENAI, KEY]) assert.ok(!whole.includes(secret), whole);
  }
});

test('the logs and the ledger hold no key', { skip: needsWeir }, async () => {
  await openai(world.url).chat.completions.create({ model: 'sim-text', messages: [{ role: 'user', content: 'a private sentence' }] });
  const rows = await world.weir.ledgerOf(1, (r) => r.wire.startsWith('openai'));
  const shown = world.weir.logs() + JSON.stringify(rows);
  for (const secret of [UPSTREAM_ANTHROPIC, UPSTREAM_OPENAI, KEY, 'a private sentence']) assert.ok(!shown.includes(secret), secret);
});
