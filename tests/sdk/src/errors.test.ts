// Every status a provider can fail with, as the typed errors of the SDKs with everything a caller needs from them.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Anthropic, KEY, OpenAI, direct, generations, needsWeir, openai, start } from './harness.js';

const world = await start();
after(() => world.stop());

const messages = [{ role: 'user' as const, content: 'fail please' }];

async function refusal<T>(call: Promise<T>): Promise<unknown> {
  try {
    await call;
  } catch (e) {
    return e;
  }
  throw new assert.AssertionError({ message: 'the call should have failed' });
}

for (const { name, SDK } of generations) {
  const client = new SDK({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  const cases: [number, unknown, string][] = [
    [400, SDK.BadRequestError, 'invalid_request_error'],
    [401, SDK.AuthenticationError, 'authentication_error'],
    [403, SDK.PermissionDeniedError, 'permission_error'],
    [404, SDK.NotFoundError, 'not_found_error'],
    [409, SDK.ConflictError, 'invalid_request_error'],
    [413, SDK.APIError, 'request_too_large'],
    [422, SDK.UnprocessableEntityError, 'invalid_request_error'],
    [429, SDK.RateLimitError, 'rate_limit_error'],
    [500, SDK.InternalServerError, 'api_error'],
    [503, SDK.InternalServerError, 'api_error'],
    [529, SDK.InternalServerError, 'overloaded_error'],
  ];
  for (const [status, type, kind] of cases) {
    for (const stream of [false, true]) {
      test(`${name}: ${status} ${stream ? 'instead of a stream' : 'to a plain call'}`, async () => {
        const e = await refusal(client.messages.create({ model: `sim-fail-${status}`, max_tokens: 10, messages, stream }));
        assert.ok(e instanceof (type as typeof Anthropic.APIError), `${(e as Error).constructor.name}: ${String(e)}`);
        assert.equal(e.status, status);
        const body = e.error as { type: string; error: { type: string; message: string }; request_id?: string };
        assert.equal(body.type, 'error');
        assert.equal(body.error.type, kind);
        assert.match(e.requestID ?? '', /^req_/);
        const retries = e.headers?.get('x-should-retry');
        if ([429, 500, 503, 529].includes(status)) assert.equal(retries, 'true');
        if ([400, 401, 403, 404, 413, 422].includes(status)) assert.equal(retries, 'false');
        if (status === 429 || status === 529) assert.equal(e.headers?.get('retry-after'), '7');
        if (status === 429) assert.equal(e.headers?.get('anthropic-ratelimit-requests-remaining'), '0');
      });
    }
  }

  test(`${name}: rate limit headers of a good answer are visible`, async () => {
    const { response } = await client.messages.create({ model: 'sim-text', max_tokens: 10, messages }).withResponse();
    assert.equal(response.headers.get('anthropic-ratelimit-requests-limit'), '4000');
    assert.equal(response.headers.get('anthropic-organization-id'), '00000000-0000-4000-8000-77656972736d');
    assert.match(response.headers.get('request-id') ?? '', /^req_/);
    if (!direct) {
      assert.equal(response.headers.get('x-weir-provider'), 'anthropic');
      assert.equal(response.headers.get('x-weir-model'), 'sim-text');
      assert.equal(response.headers.get('x-weir-attempts'), '1');
      assert.match(response.headers.get('server-timing') ?? '', /^weir;dur=\d+\.\d+$/);
    }
  });

  test(`${name}: a usage limit is a rate limit error with the provider's words`, async () => {
    const e = await refusal(client.messages.create({ model: 'sim-usage-limit', max_tokens: 10, messages }));
    assert.ok(e instanceof SDK.RateLimitError);
    assert.match(e.message, /usage limits/);
  });

  test(`${name}: a 200 that is not an answer is an error`, { skip: needsWeir }, async () => {
    const e = await refusal(client.messages.create({ model: 'sim-garbage', max_tokens: 10, messages }));
    assert.ok(e instanceof SDK.InternalServerError, String(e));
    assert.equal(e.status, 502);
    const streamed = await refusal(client.messages.create({ model: 'sim-garbage', max_tokens: 10, messages, stream: true }));
    assert.ok(streamed instanceof SDK.APIError, String(streamed));
  });

  test(`${name}: a request the provider finds wrong comes back with its words`, async () => {
    const e = await refusal(client.messages.create({ model: 'sim-text', max_tokens: 10, messages: [] }));
    assert.ok(e instanceof SDK.BadRequestError);
    assert.match(e.message, /messages: at least one message is required/);
  });
}

test('1.x tells overload and too large requests apart by class', async () => {
  const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  const e = await refusal(client.messages.create({ model: 'sim-fail-529', max_tokens: 10, messages }));
  assert.equal((e as Error).constructor.name, 'OverloadedError');
  const large = await refusal(client.messages.create({ model: 'sim-fail-413', max_tokens: 10, messages }));
  assert.equal((large as Error).constructor.name, 'ContentTooLargeError');
});

test('every failed call is in the ledger with its status and costs nothing', { skip: needsWeir }, async () => {
  const client = new Anthropic({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });
  await refusal(client.messages.create({ model: 'sim-fail-418', max_tokens: 10, messages }));
  const rows = await world.weir.ledgerOf(1, (r) => r.model === 'sim-fail-418');
  assert.equal(rows.length, 1);
  assert.equal(rows[0]?.upstream_status, 418);
  assert.equal(rows[0]?.status, 418);
  assert.equal(rows[0]?.cost_nano, 0);
  assert.notEqual(rows[0]?.outcome, 'ok');
});

const chatCases: [number, unknown][] = [
  [400, OpenAI.BadRequestError],
  [401, OpenAI.AuthenticationError],
  [403, OpenAI.PermissionDeniedError],
  [404, OpenAI.NotFoundError],
  [409, OpenAI.ConflictError],
  [413, OpenAI.APIError],
  [422, OpenAI.UnprocessableEntityError],
  [429, OpenAI.RateLimitError],
  [500, OpenAI.InternalServerError],
  [503, OpenAI.InternalServerError],
];
for (const [status, type] of chatCases) {
  for (const stream of [false, true]) {
    test(`openai: ${status} ${stream ? 'instead of a stream' : 'to a plain call'}`, async () => {
      const e = await refusal(openai(world.url).chat.completions.create({ model: `sim-fail-${status}`, messages, stream }));
      assert.ok(e instanceof (type as typeof OpenAI.APIError), `${(e as Error).constructor.name}: ${String(e)}`);
      assert.equal(e.status, status);
      assert.match(e.requestID ?? '', /^req_/);
      assert.equal(typeof e.type, 'string');
      if (status === 429) {
        assert.equal(e.headers?.get('retry-after'), '7');
        assert.equal(e.headers?.get('x-ratelimit-remaining-requests'), '0');
        assert.equal(e.code, 'rate_limit_exceeded');
      }
    });
  }
}

test('openai: a used-up quota keeps its code', async () => {
  const e = await refusal(openai(world.url).chat.completions.create({ model: 'sim-usage-limit', messages }));
  assert.ok(e instanceof OpenAI.RateLimitError);
  assert.equal(e.code, 'insufficient_quota');
});
