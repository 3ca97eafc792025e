// Who may call: wrong, blocked, expired, malformed and limited keys, both places a key can stand, and the path that holds one.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Anthropic, KEY, KEYS, OpenAI, UPSTREAM_ANTHROPIC, UPSTREAM_OPENAI, generations, header, needsWeir, openai, start, textOf } from './harness.js';

const world = await start();
after(() => world.stop());
const skip = needsWeir;

const messages = [{ role: 'user' as const, content: 'let me in' }];
const ask = (client: Anthropic, model = 'sim-text'): Promise<Anthropic.Message> => client.messages.create({ model, max_tokens: 50, messages });

for (const { name, SDK } of generations) {
  const client = (apiKey: string): Anthropic => new SDK({ baseURL: world.url, apiKey, maxRetries: 0 });
  const refused: [string, string, number, string][] = [
    ['unknown', 'wk-nobody-knows-this-one', 401, 'authentication_error'],
    ['malformed', 'x', 401, 'authentication_error'],
    ['far too long', 'k'.repeat(5000), 401, 'authentication_error'],
    ['expired', KEYS.expired, 401, 'authentication_error'],
    ['blocked', KEYS.blocked, 403, 'permission_error'],
  ];
  for (const [what, key, status, type] of refused) {
    test(`${name}: a key that is ${what} is refused before anything is sent`, { skip }, async () => {
      await world.sim.reset();
      await assert.rejects(ask(client(key)), (e: unknown) => {
        assert.ok(e instanceof SDK.APIError, String(e));
        if (what === 'expired' || what === 'blocked') assert.ok(e.status === 401 || e.status === 403, `status ${e.status}`);
        else assert.equal(e.status, status);
        const body = e.error as { error: { type: string; message: string } };
        assert.ok(body.error.type === type || e.status !== status);
        assert.match(e.requestID ?? '', /^req_/);
        assert.ok(!JSON.stringify(e.error).includes(key) || key.length < 4, 'the key is not repeated');
        return true;
      });
      assert.equal((await world.sim.stats()).requests, 0);
    });
  }

  test(`${name}: a key may only ask for its models`, { skip }, async () => {
    assert.match(textOf((await ask(client(KEYS.limited))).content), /let me in/);
    await assert.rejects(ask(client(KEYS.limited), 'sim-tools'), SDK.PermissionDeniedError);
  });

  test(`${name}: a model that is not configured is not found`, { skip }, async () => {
    await assert.rejects(ask(client(KEY), 'no-such-model'), (e: unknown) => e instanceof SDK.NotFoundError && /no-such-model/.test(e.message));
  });
}

test('no key at all', { skip }, async () => {
  const answer = await fetch(`${world.url}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' },
    body: JSON.stringify({ model: 'sim-text', max_tokens: 5, messages }),
  });
  assert.equal(answer.status, 401);
  const body = (await answer.json()) as { type: string; error: { type: string } };
  assert.equal(body.type, 'error');
  assert.equal(body.error.type, 'authentication_error');
});

test('refusals on the OpenAI wire have its shape', { skip }, async () => {
  await assert.rejects(openai(world.url, 'wk-nobody-knows-this-one').chat.completions.create({ model: 'sim-text', messages }), OpenAI.AuthenticationError);
  await assert.rejects(openai(world.url).chat.completions.create({ model: 'no-such-model', messages }), (e: unknown) => {
    assert.ok(e instanceof OpenAI.NotFoundError);
    assert.match(e.message, /no-such-model/);
    return true;
  });
  await assert.rejects(openai(world.url, KEYS.limited).chat.completions.create({ model: 'sim-tools', messages }), OpenAI.PermissionDeniedError);
});

const places: [string, Record<string, string>][] = [
  ['x-api-key', { 'x-api-key': KEY }],
  ['a bearer token', { authorization: `Bearer ${KEY}` }],
  ['a bearer token beside a foreign x-api-key', { authorization: `Bearer ${KEY}`, 'x-api-key': 'sk-ant-something-else' }],
  ['x-api-key beside a foreign bearer token', { authorization: 'Bearer something-else', 'x-api-key': KEY }],
];
const routes: [string, string, object][] = [
  ['/v1/messages', UPSTREAM_ANTHROPIC, { model: 'sim-text', max_tokens: 5, messages }],
  ['/v1/chat/completions', UPSTREAM_OPENAI, { model: 'sim-text', messages }],
];
for (const [where, credentials] of places) {
  for (const [route, upstream, body] of routes) {
    test(`${route} takes a key as ${where} and shows the provider only its own`, { skip }, async () => {
      const answer = await fetch(`${world.url}${route}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', ...credentials },
        body: JSON.stringify(body),
      });
      assert.equal(answer.status, 200, await answer.text());
      const seen = await world.sim.last('let me in');
      const shown = JSON.stringify(seen.headers);
      assert.ok(shown.includes(upstream));
      assert.ok(!shown.includes(KEY) && !shown.includes('something-else'), shown);
    });
  }
}

test('/ak/{key}: the path says who calls, the caller\'s own credentials go on unchanged', { skip }, async () => {
  for (const { SDK } of generations) {
    const client = new SDK({ baseURL: `${world.url}/ak/${KEY}`, apiKey: 'sk-ant-my-own-0001', maxRetries: 0 });
    const m = await client.messages.stream({ model: 'sim-text', max_tokens: 50, messages: [{ role: 'user', content: 'by path' }] }).finalMessage();
    assert.match(textOf(m.content), /by path/);
    const seen = await world.sim.last('by path');
    assert.equal(header(seen, 'x-api-key') ?? header(seen, 'authorization')?.replace('Bearer ', ''), 'sk-ant-my-own-0001');
    const shown = JSON.stringify(seen);
    assert.ok(!shown.includes(KEY) && !shown.includes(UPSTREAM_ANTHROPIC), shown);
    assert.equal(seen.target.split('?')[0], '/v1/messages');
  }
});

test('/ak/{key}: a bad key is not found, never unauthorised', { skip }, async () => {
  for (const bad of ['wk-nobody-knows-this-one', KEYS.expired, KEYS.blocked, 'x', '%00', 'k'.repeat(600)]) {
    const client = new Anthropic({ baseURL: `${world.url}/ak/${bad}`, apiKey: 'sk-ant-my-own-0001', maxRetries: 0 });
    await assert.rejects(ask(client), (e: unknown) => e instanceof Anthropic.APIError && (e.status === 404 || (bad === '%00' && e.status === 400)));
  }
});

test('/ak/{key} works for count_tokens and models', { skip }, async () => {
  const client = new Anthropic({ baseURL: `${world.url}/ak/${KEY}`, apiKey: 'sk-ant-my-own-0001', maxRetries: 0 });
  assert.ok((await client.messages.countTokens({ model: 'sim-text', messages })).input_tokens > 0);
  assert.ok((await client.models.list()).data.length > 0);
});

test('a key made on the command line works at once and is printed once', { skip }, async () => {
  const made = await world.weir.command('key', 'create', '--name', 'made', '--model', 'sim-text');
  assert.equal(made.code, 0, made.out);
  const key = /\b(\S{24,})\b/.exec(made.out.split('\n').find((line) => /\S{24,}/.test(line)) ?? '')?.[1] ?? '';
  assert.match(textOf((await ask(new Anthropic({ baseURL: world.url, apiKey: key, maxRetries: 0 }))).content), /let me in/);
  await assert.rejects(ask(new Anthropic({ baseURL: world.url, apiKey: key, maxRetries: 0 }), 'sim-tools'), Anthropic.PermissionDeniedError);
});

test('a key may be of a workspace and under a policy, which must exist', { skip }, async () => {
  const made = await world.weir.command('key', 'create', '--name', 'of the lab', '--workspace', 'lab', '--policy', 'plan_first');
  assert.equal(made.code, 0, made.out);
  const listed = await world.weir.command('key', 'list');
  assert.match(listed.out, /active +of the lab workspace=lab policy=plan_first$/m);
  const refused = await world.weir.command('key', 'create', '--name', 'lost', '--policy', 'plan_frist');
  assert.equal(refused.code, 1);
  assert.match(refused.out, /there is no policy "plan_frist"/);
  assert.doesNotMatch((await world.weir.command('key', 'list')).out, /lost/);
});
