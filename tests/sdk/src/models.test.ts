// GET /v1/models in the caller's dialect: what the key may use and nothing else.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Anthropic, KEY, KEYS, OpenAI, generations, needsWeir, openai, start } from './harness.js';

const world = await start();
after(() => world.stop());
const skip = needsWeir;

for (const { name, SDK } of generations) {
  const client = new SDK({ baseURL: world.url, apiKey: KEY, maxRetries: 0 });

  test(`${name}: the list has the models of the key in this dialect`, { skip }, async () => {
    const page = await client.models.list({ limit: 1000 });
    const ids = page.data.map((m) => m.id);
    assert.ok(ids.includes('alias') && ids.includes('unpriced'), ids.join());
    assert.ok(!ids.includes('text-embedding-sim'), 'an OpenAI model is listed for Anthropic callers');
    assert.ok(!ids.some((id) => id.includes('*')), 'a pattern is not a model');
    assert.equal(page.data[0]?.type, 'model');
  });

  test(`${name}: a limited key sees only its models`, { skip }, async () => {
    const limited = new SDK({ baseURL: world.url, apiKey: KEYS.limited, maxRetries: 0 });
    assert.deepEqual((await limited.models.list()).data.map((m) => m.id), ['alias']);
    await assert.rejects(limited.models.retrieve('unpriced'), SDK.NotFoundError);
    assert.equal((await limited.models.retrieve('alias')).id, 'alias');
  });

  test(`${name}: pages follow each other`, { skip }, async () => {
    const ids: string[] = [];
    for await (const model of client.models.list({ limit: 1 })) ids.push(model.id);
    assert.deepEqual(ids, (await client.models.list({ limit: 1000 })).data.map((m) => m.id));
  });

  test(`${name}: a name that only a pattern matches is found, another is not`, { skip }, async () => {
    assert.equal((await client.models.retrieve('sim-tools')).id, 'sim-tools');
    await assert.rejects(client.models.retrieve('no-such-model'), SDK.NotFoundError);
  });
}

test('openai: list and retrieve in its own shape', { skip }, async () => {
  const client = openai(world.url);
  const ids: string[] = [];
  for await (const model of client.models.list()) {
    assert.equal(model.object, 'model');
    ids.push(model.id);
  }
  assert.ok(ids.includes('alias') && !ids.includes('unpriced'), ids.join());
  assert.equal((await client.models.retrieve('alias')).id, 'alias');
  await assert.rejects(client.models.retrieve('no-such-model'), OpenAI.NotFoundError);
  const limited: string[] = [];
  for await (const model of openai(world.url, KEYS.limited).models.list()) limited.push(model.id);
  assert.deepEqual(limited, ['alias']);
});

test('a list needs a key', { skip }, async () => {
  const client = new Anthropic({ baseURL: world.url, apiKey: 'wk-nobody-knows-this-one', maxRetries: 0 });
  await assert.rejects(client.models.list(), Anthropic.AuthenticationError);
});
