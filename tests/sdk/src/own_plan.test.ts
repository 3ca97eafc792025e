// Callers with a plan of their own at Anthropic (/ak, as Claude Code is set up): the plan first, Bedrock when it fails, and what the
// caller brought is shown to nobody but Anthropic. Named after the faults of the systems that did this before.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Anthropic, generations, header, needsWeir, textOf, type LedgerRow } from './harness.js';
import { attemptsOf, becomesIdle, breakers, echo, explain, model, orderOf, provider, startPair, type Pair } from './routing.js';

const skip = needsWeir;
const OWN = 'sk-ant-oat01-my-own-plan-0001';
const PNG = 'iVBORw0KGgo=';

/** What falls back, and what it is taken for. */
const failures: [behaviour: string, class_: string][] = [
  ['fail-429', 'rate_limit'],
  ['usage-limit', 'usage_limit'],
  ['fail-500', 'server_error'],
  ['fail-529', 'server_error'],
  ['hang', 'timeout'],
  ['garbage', 'server_error'],
];
const mistakes = ['fail-400', 'fail-401', 'fail-403', 'fail-404', 'fail-413', 'fail-422'];

/** A breaker of a caller's own credentials is the caller's, so each test has a key. */
const keys = Array.from({ length: 40 }, (_, i) => `wk-own-plan-key-${String(i).padStart(4, '0')}`);
let next = 0;
const freshKey = (): { key: string; name: string } => ({ key: keys[next] ?? '', name: `k${next++}` });

function config(a: string, b: string): string {
  const behaviours = [...failures.map(([f]) => f), ...mistakes, 'text'];
  return `breaker: { failures: 3, window: 60s, open: 1800s }
retry: { attempts: 0 }
timeouts: { connect: 2s, first_byte: 1200ms, drain: 10s }
providers:
${provider('plan', 'anthropic', a)}
${provider('gone', 'anthropic', 'http://127.0.0.1:1')}
${provider('aws', 'bedrock', b)}
${provider('converse', 'bedrock', b, 'wires: [bedrock_converse]')}
${provider('gpt', 'openai', b)}
${provider('local', 'openai', b, 'credentials: []')}
${provider('router', 'openrouter', b)}
models:
${behaviours.map((x) => model(`plan-${x}`, [`plan sim-${x}`, 'aws us.anthropic.sim-text-v1:0'])).join('\n')}
${model('plan-gone', ['gone sim-text', 'aws us.anthropic.sim-text-v1:0'])}
${model('plan-last', ['aws us.anthropic.sim-text-v1:0', 'gpt sim-text', 'plan sim-text'])}
${model('then-gpt', ['plan sim-fail-529', 'gpt sim-text'])}
${model('then-local', ['plan sim-fail-529', 'local sim-text'])}
${model('then-router', ['plan sim-fail-529', 'router sim-text'])}
${model('then-thinking', ['plan sim-fail-529', 'aws us.anthropic.sim-thinking-v1:0'])}
${model('then-thinking-converse', ['plan sim-fail-529', 'converse us.anthropic.sim-thinking-v1:0'])}
${model('then-converse', ['plan sim-fail-529', 'converse us.anthropic.sim-text-v1:0'])}
${model('costly', ['plan sim-fail-529', 'aws us.anthropic.sim-long-900-v1:0 timeouts: { first_byte: 30s }'])}
${model('only-plan', ['plan sim-text'])}
${model('every', ['plan sim-text', 'gpt sim-text', 'router sim-text', 'aws us.anthropic.sim-text-v1:0'])}
prices:
${['plan', 'gone', 'aws', 'converse', 'gpt', 'local', 'router'].map((p) => `  - { provider: ${p}, model: "*", input: 3.00, output: 15.00 }`).join('\n')}
policies:
  - { name: gpt_then_aws, only: [gpt, bedrock], first: [openai] }
keys:
${keys.map((k, i) => `  - { name: k${i}, value: "${k}" }`).join('\n')}
  - { name: own, value: "wk-policy-own-0000", user: ada, workspace: farm, policy: openrouter_only }
  - { name: assigned, value: "wk-policy-assigned", user: ada, workspace: farm }
  - { name: of-ada, value: "wk-policy-of-ada-00", user: ada, workspace: farm }
  - { name: of-farm, value: "wk-policy-of-farm-0", user: bob, workspace: farm }
  - { name: of-nobody, value: "wk-policy-of-nobody", user: bob, workspace: lab }
  - { name: bedrock, value: "wk-policy-bedrock-0", policy: bedrock_only }
  - { name: poor, value: "wk-budget-poor-0000", budget: { usd: 0.10, period: month } }
  - { name: spent, value: "wk-budget-spent-000", budget: { usd: 0.02, period: month } }
assignments:
  - { key: assigned, policy: gpt_then_aws }
  - { user: ada, policy: openai_only }
  - { workspace: farm, policy: bedrock_only }
`;
}

let world: Pair;
if (!skip) {
  world = await startPair(config);
  after(async () => {
    await becomesIdle(world.weir.url);
    await world.stop();
  });
}

/** Claude Code's way: the key in the path, the own credentials in the headers. */
function byPath(key: string, own = OWN, SDK = Anthropic): Anthropic {
  return new SDK({ baseURL: `${world.weir.url}/ak/${key}`, apiKey: null, authToken: own, maxRetries: 0 });
}
/** A client that has only Weir's key. */
function byKey(key: string): Anthropic {
  return new Anthropic({ baseURL: world.weir.url, apiKey: key, maxRetries: 0 });
}
const ask = (name: string, prompt: string): Anthropic.MessageCreateParamsNonStreaming => ({ model: name, max_tokens: 100, messages: [{ role: 'user', content: prompt }] });

async function said(client: Anthropic, name: string, prompt: string, stream = false): Promise<string> {
  const m = stream ? await client.messages.stream(ask(name, prompt)).finalMessage() : await client.messages.create(ask(name, prompt));
  return textOf(m.content);
}
/** The attempts of the only request of this key for this model. */
async function attempts(key: string, name: string, n: number): Promise<LedgerRow[]> {
  return world.weir.ledgerOf(n, (r) => r.key_name === key && r.model === name);
}
async function reset(): Promise<void> {
  await Promise.all([world.a.reset(), world.b.reset()]);
}
async function requests(): Promise<[atPlan: number, elsewhere: number]> {
  return [(await world.a.stats()).requests, (await world.b.stats()).requests];
}

test('the plan is asked first, wherever it stands, and nobody else', { skip }, async () => {
  for (const { SDK } of generations) {
    for (const stream of [false, true]) {
      await reset();
      assert.equal(await said(byPath(freshKey().key, OWN, SDK), 'plan-last', 'the plan first', stream), echo('the plan first'));
      assert.deepEqual(await requests(), [1, 0]);
      assert.equal(header(await world.a.last('the plan first'), 'authorization'), `Bearer ${OWN}`);
    }
  }
});

test('without credentials of their own callers get the targets as they stand', { skip }, async () => {
  await reset();
  assert.equal(await said(byKey(freshKey().key), 'plan-last', 'as they stand'), echo('as they stand'));
  assert.deepEqual(await requests(), [0, 1]);
});

for (const [behaviour, class_] of [...failures, ['gone', 'network_error'] as const]) {
  test(`the plan fails (${behaviour}): Bedrock answers, plain and streamed`, { skip }, async () => {
    const { key, name } = freshKey();
    for (const stream of [false, true]) {
      await world.b.reset();
      const prompt = `falls back after ${behaviour}`;
      assert.equal(await said(byPath(key), `plan-${behaviour}`, prompt, stream), echo(prompt));
      const shown = JSON.stringify(await world.b.last(prompt));
      assert.ok(!shown.includes(OWN) && !shown.includes(key), shown);
    }
    const rows = (await attempts(name, `plan-${behaviour}`, 4)) as (LedgerRow & { credential: string })[];
    const first = behaviour === 'gone' ? 'gone' : 'plan';
    for (const streamed of [false, true]) {
      const mine = rows.filter((r) => r.streamed === streamed);
      assert.deepEqual(attemptsOf(mine), [`failed_over ${first} ${class_}`, 'ok aws']);
      assert.deepEqual(mine.map((r) => `${r.provider} ${r.credential}`).sort(), ['aws main', `${first} caller`]);
    }
  });
}

const others = [
  ['then-gpt', 'OpenAI'],
  ['then-local', 'a server that wants no key'],
  ['then-router', 'OpenRouter'],
  ['then-converse', 'Converse'],
] as const;
for (const [name, where] of others) {
  test(`the caller's own credentials never reach ${where}, in whichever header they came`, { skip }, async () => {
    const { key } = freshKey();
    const clients = [byPath(key), new Anthropic({ baseURL: `${world.weir.url}/ak/${key}`, apiKey: OWN, maxRetries: 0 })];
    for (const client of clients) {
      await world.b.reset();
      if (name === 'then-local') await assert.rejects(said(client, name, 'keep it'), Anthropic.AuthenticationError); // the simulator wants one
      else assert.equal(await said(client, name, 'keep it'), echo('keep it'));
      const shown = JSON.stringify(await world.b.last('keep it'));
      assert.ok(!shown.includes(OWN) && !shown.includes(key), shown);
    }
  });
}

for (const behaviour of mistakes) {
  test(`the caller's own mistake (${behaviour}) is returned in the plan's words, and Bedrock hears nothing`, { skip }, async () => {
    await world.b.reset();
    const own = new Anthropic({ baseURL: world.a.url, apiKey: OWN, maxRetries: 0 });
    const error = async (client: Anthropic, name: string): Promise<InstanceType<typeof Anthropic.APIError>> => {
      try {
        await said(client, name, 'a mistake');
      } catch (e) {
        if (e instanceof Anthropic.APIError) return e;
      }
      throw new Error('did not fail');
    };
    const { key, name } = freshKey();
    const there = await error(own, `sim-${behaviour}`);
    const here = await error(byPath(key), `plan-${behaviour}`);
    assert.equal(here.status, there.status);
    assert.equal(here.constructor, there.constructor);
    assert.deepEqual((here.error as { error: unknown }).error, (there.error as { error: unknown }).error);
    assert.deepEqual(attemptsOf(await attempts(name, `plan-${behaviour}`, 1)), ['error plan']);
    assert.equal((await world.b.stats()).requests, 0);
  });
}

test('credentials that Anthropic refuses are the caller\'s to mend: 401, and nobody else is asked', { skip }, async () => {
  await reset();
  await assert.rejects(said(byPath(freshKey().key, 'invalid'), 'plan-text', 'who am I'), Anthropic.AuthenticationError);
  assert.equal((await world.b.stats()).requests, 0);
});

test('the breaker of a plan is its caller\'s: nobody else\'s plan rests, and the server\'s credential neither', { skip }, async () => {
  const [unlucky, other, plain] = [freshKey(), freshKey(), freshKey()];
  for (let i = 0; i < 3; i++) await said(byPath(unlucky.key), 'plan-fail-429', 'too fast');
  await reset();
  assert.equal(await said(byPath(unlucky.key), 'plan-text', 'my plan rests'), echo('my plan rests'));
  assert.deepEqual(await requests(), [0, 1]);
  assert.equal(await said(byPath(other.key), 'plan-text', 'mine does not'), echo('mine does not'));
  assert.deepEqual(await requests(), [1, 1]);
  assert.equal(await said(byKey(plain.key), 'plan-text', 'nor does this'), echo('nor does this'));
  assert.deepEqual(await requests(), [2, 1]);
  const rows = (await breakers(world.weir)).filter((r) => r.provider === 'plan' && r.state !== 'closed');
  assert.equal(rows.length, 1, JSON.stringify(rows));
  assert.match(rows[0]?.credential ?? '', /^caller -?\d+$/);
  assert.equal(rows[0]?.reason, 'rate_limit');
  const mine = await explain(world.weir, 'plan-text', '--key', unlucky.name, '--own-credentials');
  assert.deepEqual(orderOf(mine), ['aws', 'plan: breaker_open']);
  const others = await explain(world.weir, 'plan-text', '--key', other.name, '--own-credentials');
  assert.deepEqual(orderOf(others), ['plan', 'aws']);
});

test('a used-up plan falls back every time, without resting: it may be there again at any moment', { skip }, async () => {
  const { key, name } = freshKey();
  for (let i = 0; i < 5; i++) assert.equal(await said(byPath(key), 'plan-usage-limit', 'used up'), echo('used up'));
  const rows = await attempts(name, 'plan-usage-limit', 10);
  assert.equal(rows.filter((r) => r.outcome === 'failed_over' && r.error === 'usage_limit').length, 5);
});

const policies: [what: string, key: string, served: string[]][] = [
  ['the key\'s own comes first', 'wk-policy-own-0000', ['router']],
  ['then what is assigned to the key', 'wk-policy-assigned', ['gpt', 'aws']],
  ['then to its user', 'wk-policy-of-ada-00', ['gpt']],
  ['then to its workspace', 'wk-policy-of-farm-0', ['aws']],
  ['else there is none', 'wk-policy-of-nobody', ['plan', 'gpt', 'router', 'aws']],
];
for (const [what, key, served] of policies) {
  test(`policies: ${what}`, { skip }, async () => {
    const answer = await byKey(key).messages.create(ask('every', 'where do I go')).asResponse();
    assert.equal(answer.headers.get('x-weir-provider'), served[0]);
    const name = { 'wk-policy-own-0000': 'own', 'wk-policy-assigned': 'assigned', 'wk-policy-of-ada-00': 'of-ada', 'wk-policy-of-farm-0': 'of-farm' }[key] ?? 'of-nobody';
    const told = await explain(world.weir, 'every', '--key', name);
    assert.deepEqual(told.targets.filter((t) => t.order !== null).map((t) => t.provider), served);
    assert.ok(told.targets.filter((t) => t.order === null).every((t) => t.verdict === 'policy' && t.why.includes(told.policy ?? '?')));
  });
}

test('a key made on the command line is under its policy at once', { skip }, async () => {
  const made = await world.weir.command('key', 'create', '--name', 'made', '--policy', 'bedrock_only');
  const key = /\b(weir_\S+)\b/.exec(made.out)?.[1] ?? '';
  const answer = await byKey(key).messages.create(ask('every', 'just made')).asResponse();
  assert.equal(answer.headers.get('x-weir-provider'), 'aws');
  assert.deepEqual(orderOf(await explain(world.weir, 'every', '--key', 'made')), ['aws', 'plan: policy', 'gpt: policy', 'router: policy']);
  const wrong = await world.weir.command('key', 'create', '--name', 'wrong', '--policy', 'bedrok_only');
  assert.equal(wrong.code, 1, wrong.out);
  assert.match(wrong.out, /bedrok_only/);
});

test('bedrock_only does not use the caller\'s own credentials', { skip }, async () => {
  await reset();
  assert.equal(await said(byPath('wk-policy-bedrock-0'), 'plan-last', 'not my plan'), echo('not my plan'));
  assert.deepEqual(await requests(), [0, 1]);
});

test('bedrock_only without a Bedrock target is 503 overloaded_error, and says which policy', { skip }, async () => {
  await reset();
  await assert.rejects(said(byPath('wk-policy-bedrock-0'), 'only-plan', 'nowhere'), (e: unknown) => {
    assert.ok(e instanceof Anthropic.InternalServerError, String(e));
    assert.equal(e.status, 503);
    const body = e.error as { error: { type: string; message: string } };
    assert.equal(body.error.type, 'overloaded_error');
    assert.match(body.error.message, /bedrock_only/);
    return true;
  });
  assert.deepEqual(await requests(), [0, 0]);
  assert.deepEqual(orderOf(await explain(world.weir, 'only-plan', '--key', 'bedrock')), ['plan: policy']);
});

test('fault d: streams from Bedrock count their input tokens', { skip }, async () => {
  for (const model of ['plan-fail-500', 'then-converse']) {
    const { key, name } = freshKey();
    for (const stream of [false, true]) await said(byPath(key), model, 'count what I say, all of it', stream);
    const rows = (await attempts(name, model, 4)).filter((r) => r.outcome === 'ok');
    const [plain, streamed] = [rows.find((r) => !r.streamed), rows.find((r) => r.streamed)];
    assert.ok((plain?.usage.input ?? 0) > 0, JSON.stringify(plain));
    assert.deepEqual(streamed?.usage, plain?.usage);
    assert.equal(streamed?.cost_nano, (plain?.usage.input ?? 0) * 3000 + (plain?.usage.output ?? 0) * 15000);
  }
});

for (const name of ['then-thinking', 'then-thinking-converse']) {
  test(`fault e: images and thinking survive the way to Bedrock, and back, and there again (${name})`, { skip }, async () => {
    const client = byPath(freshKey().key);
    const image = { type: 'image' as const, source: { type: 'base64' as const, media_type: 'image/png' as const, data: PNG } };
    const first: Anthropic.MessageParam = { role: 'user', content: [image, { type: 'text', text: 'what is it' }] };
    const thinks = { model: name, max_tokens: 2000, thinking: { type: 'enabled' as const, budget_tokens: 1024 } };
    const one = await client.messages.stream({ ...thinks, messages: [first] }).finalMessage();
    const thought = one.content.find((b) => b.type === 'thinking');
    assert.match(thought?.type === 'thinking' ? thought.thinking : '', /pretends to think about: what is it/);
    assert.match(textOf(one.content), /Attachment 1: image, (image\/)?png, 8 bytes\./);
    const two = await client.messages.create({ ...thinks, messages: [first, { role: 'assistant', content: one.content }, { role: 'user', content: 'go on' }] });
    assert.match(textOf(two.content), /You said: go on/);
  });
}

for (const name of ['plan-fail-500', 'then-converse']) {
  test(`fault f: every event of a stream from Bedrock has its name (${name})`, { skip }, async () => {
    const answer = await fetch(`${world.weir.url}/ak/${freshKey().key}/v1/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', authorization: `Bearer ${OWN}` },
      body: JSON.stringify({ ...ask(name, 'name them'), stream: true }),
    });
    assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/);
    const events = (await answer.text()).split('\n\n').filter((e) => e);
    assert.ok(events.length > 5, JSON.stringify(events));
    for (const event of events) {
      const [, said, data] = /^event: (\S+)\ndata: (.*)$/.exec(event) ?? [];
      assert.equal((JSON.parse(data ?? 'null') as { type: string } | null)?.type, said, event);
    }
    assert.match(events.at(-1) ?? '', /^event: message_stop\n/);
  });
}

test('fault l: callers at one time cannot overspend a budget on the fall-back', { skip }, async () => {
  const calls = Array.from({ length: 40 }, async (_, i) => {
    try {
      await byPath('wk-budget-poor-0000').messages.create({ ...ask('costly', `call ${i}`), max_tokens: 1000 });
      return 'ok';
    } catch (e) {
      // The budget's refusal, or the plan's own failure where nothing else was left to try; or its breaker opened in between.
      assert.ok(e instanceof Anthropic.APIError && [429, 503, 529].includes(e.status ?? 0), String(e));
      return 'refused';
    }
  });
  const ends = await Promise.all(calls);
  const served = ends.filter((e) => e === 'ok').length;
  const rows = await world.weir.ledgerOf(served, (r) => r.key_name === 'poor' && r.outcome === 'ok');
  const spent = rows.reduce((sum, r) => sum + (r.cost_nano ?? 0), 0);
  assert.ok(served > 0 && served < 40, `${served} of 40 were served`);
  assert.equal(rows.length, served);
  assert.ok(spent > 0 && spent <= 100_000_000, `${spent} of 100000000`);
});

test('the caller\'s own plan costs nobody\'s budget, and a budget that is used up does not stop it', { skip }, async () => {
  const client = byPath('wk-budget-spent-000');
  const call = async (name: string): Promise<Anthropic.Message> => client.messages.create({ ...ask(name, 'what does it cost'), max_tokens: 1000 });
  for (let i = 0; i < 3; i++) await call('plan-text');
  await call('costly');
  await assert.rejects(byKey('wk-budget-spent-000').messages.create({ ...ask('plan-text', 'not on my plan'), max_tokens: 1000 }), Anthropic.RateLimitError);
  await world.b.reset();
  assert.equal(textOf((await call('plan-text')).content), echo('what does it cost'));
  await assert.rejects(call('plan-fail-529'), (e: unknown) => e instanceof Anthropic.InternalServerError && e.status === 529);
  assert.equal((await world.b.stats()).requests, 0);
  const rows = (await attempts('spent', 'plan-text', 4)) as (LedgerRow & { billable: boolean })[];
  assert.deepEqual(rows.map((r) => [(r.cost_nano ?? 0) > 0, r.billable]), Array(4).fill([true, false]));
});
