// Which target a request goes to: the strategies, what a conversation's prompt cache changes, and `weir route explain`, which must
// tell beforehand what then happens, in each case there is.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { Anthropic, KEY, eventually, header, needsWeir, type Seen } from './harness.js';
import { becomesIdle, breakers, callersOf, echo, expectWhole, explain, model, orderOf, provider, reload, startPair, type Callers, type Pair } from './routing.js';

const skip = needsWeir;

const three = 'credentials: [ { name: one, api_key: "sk-one" }, { name: two, api_key: "sk-two" }, { name: three, api_key: "sk-three" } ]';

function config(a: string, b: string): string {
  return `breaker: { failures: 3, window: 60s, open: 1800s, probe: 10s }
retry: { attempts: 0 }
timeouts: { first_byte: 5s, drain: 10s }
providers:
${provider('a', 'anthropic', a)}
${provider('b', 'anthropic', b)}
${provider('aws', 'bedrock', b)}
${provider('gpt', 'openai', b, 'wires: [openai_chat, openai_embeddings]')}
${provider('router', 'openrouter', b)}
${provider('resting', 'anthropic', a)}
${provider('closed', 'anthropic', a)}
${provider('pool', 'anthropic', a, three)}
${provider('both', 'anthropic', b, three)}
models:
${model('ordered', ['a sim-text', 'b sim-text', 'gpt sim-text'])}
${model('ordered-fails', ['a sim-fail-500', 'gpt sim-fail-500', 'b sim-text'])}
${model('weighted', ['a sim-text weight: 3', 'b sim-text weight: 1', 'gpt sim-text weight: 0'], 'strategy: weighted')}
${model('weighted-fails', ['a sim-fail-400 weight: 0', 'b sim-usage-limit weight: 1'], 'strategy: weighted')}
${model('fastest', ['a sim-slow-80', 'b sim-text'], 'strategy: latency')}
${model('cheapest', ['a sim-text', 'router sim-text', 'b sim-text'], 'strategy: cost')}
${model('idlest', ['a sim-slow-300', 'b sim-slow-300'], 'strategy: least_busy')}
${model('pooled', ['pool sim-text credential: "*"'], 'strategy: weighted')}
${model('cached', ['pool sim-text credential: "*"', 'both sim-text credential: "*"'], 'strategy: weighted')}
${model('star-*', ['a sim-*', 'aws us.anthropic.sim-*-v1:0'])}
${model('rests-fails', ['resting sim-fail-500'])}
${model('rests-slow', ['resting sim-slow-700'])}
${model('rests', ['resting sim-text', 'b sim-text'])}
${model('shut', ['closed sim-text', 'b sim-text'])}
${model('vectors', ['a sim-text', 'aws us.anthropic.sim-text-v1:0', 'gpt text-embedding-sim'])}
${model('chat-only', ['b sim-text', 'gpt sim-text'], 'wire: openai_chat')}
prices:
  - { provider: a, model: "*", input: 3.00, output: 15.00 }
  - { provider: b, model: "*", input: 0.30, output: 1.50 }
  - { provider: router, model: "*", input: 0.60, output: 3.00 }
policies:
  - { name: cheap, strategy: cost, only: [a, b] }
  - { name: b_first, first: [b, openai] }
keys:
  - { name: all, value: "${KEY}" }
  - { name: cheap, value: "wk-routing-cheap-000", policy: cheap }
  - { name: of-ada, value: "wk-routing-of-ada-00", user: ada }
  - { name: of-lab, value: "wk-routing-of-lab-00", workspace: lab }
  - { name: narrow, value: "wk-routing-narrow-00", models: ["star-*"] }
  - { name: gone, value: "wk-routing-gone-0000", expires: "2020-01-01T00:00:00Z" }
assignments:
  - { user: ada, policy: b_first }
  - { workspace: lab, policy: openrouter_only }
`;
}

let world: Pair;
let callers: Callers;
if (!skip) {
  world = await startPair(config);
  callers = callersOf(world.weir.url, KEY);
  after(async () => {
    callers.destroy();
    await becomesIdle(world.weir.url);
    await world.stop();
  });
}

/** One plain call, told by what the answer's head says; the quickest way to many of them. */
async function ask(name: string, more: { key?: string; path?: string; own?: string; prompt?: string } = {}): Promise<{ status: number; provider: string | null; text: string }> {
  const credentials: Record<string, string> = more.own ? { authorization: `Bearer ${more.own}` } : { 'x-api-key': more.key ?? KEY };
  const answer = await fetch(`${world.weir.url}${more.own ? `/ak/${more.key ?? KEY}` : ''}/v1/messages`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', ...credentials },
    body: JSON.stringify({ model: name, max_tokens: 100, messages: [{ role: 'user', content: more.prompt ?? 'x' }] }),
  });
  return { status: answer.status, provider: answer.headers.get('x-weir-provider'), text: await answer.text() };
}
/** How many of n calls each provider answered, some at a time. */
async function shares(name: string, n: number, atOnce = 8): Promise<Record<string, number>> {
  const count: Record<string, number> = {};
  let left = n;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const { provider } = await ask(name);
      count[provider ?? 'none'] = (count[provider ?? 'none'] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return count;
}
async function reset(): Promise<void> {
  await Promise.all([world.a.reset(), world.b.reset()]);
}
const keysSeen = (seen: Seen[]): string[] => [...new Set(seen.map((r) => header(r, 'x-api-key') ?? ''))].sort();

test('ordered: the first that works, always', { skip }, async () => {
  assert.deepEqual(await shares('ordered', 40), { a: 40 });
  for (const caller of callers.all) expectWhole(await caller.call('ordered-fails', 'the third'), echo('the third'));
  await breakers(world.weir, 'auto', 'a');
  await breakers(world.weir, 'auto', 'gpt');
});

test('weighted: shares are as the weights, and weight 0 gets nothing while others work', { skip }, async () => {
  const got = await shares('weighted', 400);
  assert.deepEqual(Object.keys(got).sort(), ['a', 'b']);
  // Three quarters of 400; the standard deviation is 8.7, and 50 of it are seen once in 10^8 runs.
  assert.ok((got.a ?? 0) > 250 && (got.a ?? 0) < 350, JSON.stringify(got));
  assert.equal((got.a ?? 0) + (got.b ?? 0), 400);
});

test('weighted: weight 0 is still there when all others fail', { skip }, async () => {
  const { status, provider } = await ask('weighted-fails');
  assert.deepEqual([status, provider], [400, 'a']);
});

test('latency: once both have been tried the faster one gets all', { skip }, async () => {
  for (let i = 0; i < 4; i++) await ask('fastest');
  assert.deepEqual(await shares('fastest', 40), { b: 40 });
  const told = await explain(world.weir, 'fastest');
  assert.deepEqual(orderOf(told), ['b', 'a']);
  const [b, a] = told.targets;
  assert.ok((a?.first_token_ms ?? 0) >= 80 && (b?.first_token_ms ?? 99) < 80, JSON.stringify(told.targets));
});

test('cost: the cheapest gets all, and explain has the figures', { skip }, async () => {
  assert.deepEqual(await shares('cheapest', 40), { b: 40 });
  const told = await explain(world.weir, 'cheapest', '--input-tokens', '1000', '--output-tokens', '100');
  assert.deepEqual(orderOf(told), ['b', 'router', 'a']);
  // At worst, so never less; a billionth of a dollar or two more where a price is no whole number of them.
  assert.deepEqual(told.targets.map((t) => Math.floor((t.cost_nano ?? 0) / 10)), [45_000, 90_000, 450_000]);
});

test('least busy: slow calls spread, from both workers', { skip }, async () => {
  const got = await shares('idlest', 40, 40);
  assert.ok((got.a ?? 0) >= 15 && (got.b ?? 0) >= 15, JSON.stringify(got));
});

test('credential "*": each of them is used', { skip }, async () => {
  await reset();
  await shares('pooled', 60);
  assert.deepEqual(keysSeen((await world.a.stats()).recent), ['sk-one', 'sk-three', 'sk-two']);
  const told = await explain(world.weir, 'pooled');
  assert.deepEqual(told.targets.map((t) => t.credential).sort(), ['one', 'three', 'two']);
});

test('a conversation stays where its prompt is cached, however its turns grow', { skip }, async () => {
  await reset();
  const client = new Anthropic({ baseURL: world.weir.url, apiKey: KEY, maxRetries: 0 });
  const placeOf = async (mark: string): Promise<string[]> => {
    const seen = [...(await world.a.stats()).recent.map((r) => ({ at: 'pool', r })), ...(await world.b.stats()).recent.map((r) => ({ at: 'both', r }))];
    return seen.filter(({ r }) => r.body.includes(mark)).map(({ at, r }) => `${at} ${header(r, 'x-api-key')}`);
  };
  const talk = async (mark: string): Promise<void> => {
    const system = [{ type: 'text' as const, text: `${mark}: ${'a long instruction '.repeat(300)}`, cache_control: { type: 'ephemeral' as const } }];
    const messages: Anthropic.MessageParam[] = [];
    for (let turn = 0; turn < 5; turn++) {
      messages.push({ role: 'user', content: `turn ${turn} of ${mark}` });
      const stream = turn % 2 === 1;
      const ask = { model: 'cached', max_tokens: 100, system, messages };
      const m = stream ? await client.messages.stream(ask).finalMessage() : await client.messages.create(ask);
      assert.equal((m.usage.cache_read_input_tokens ?? 0) > 0, turn > 0, `turn ${turn}: ${JSON.stringify(m.usage)}`);
      messages.push({ role: 'assistant', content: m.content });
    }
  };
  const marks = Array.from({ length: 12 }, (_, i) => `conversation-${String.fromCharCode(97 + i)}-`);
  await Promise.all(marks.map(talk));
  const places = await Promise.all(marks.map(placeOf));
  for (const [i, list] of places.entries()) {
    assert.equal(list.length, 5);
    assert.equal(new Set(list).size, 1, `${marks[i]} was at ${list.join(', ')}`);
  }
  // Six places, twelve conversations: all at one would happen once in 6^11.
  assert.ok(new Set(places.map((l) => l[0])).size > 1, 'all conversations are at one place');
});

interface Truth {
  what: string;
  model: string;
  /** For the command and for the call. */
  args?: string[];
  call?: { key?: string; own?: string };
  order: string[];
  prepare?: () => Promise<unknown>;
}
const own = 'sk-ant-oat01-own';
const truths: Truth[] = [
  { what: 'an order', model: 'ordered', order: ['a', 'b', 'gpt'] },
  { what: 'a star', model: 'star-text', order: ['a', 'aws'] },
  { what: 'a policy by its name', model: 'ordered', args: ['--policy', 'cheap'], call: { key: 'wk-routing-cheap-000' }, order: ['b', 'a', 'gpt: policy'] },
  { what: 'a key with a policy', model: 'ordered', args: ['--key', 'cheap'], call: { key: 'wk-routing-cheap-000' }, order: ['b', 'a', 'gpt: policy'] },
  { what: 'a user under a policy', model: 'ordered', args: ['--user', 'ada'], call: { key: 'wk-routing-of-ada-00' }, order: ['b', 'gpt', 'a'] },
  { what: 'the key of such a user', model: 'ordered', args: ['--key', 'of-ada'], call: { key: 'wk-routing-of-ada-00' }, order: ['b', 'gpt', 'a'] },
  { what: 'a workspace under a policy', model: 'cheapest', args: ['--workspace', 'lab'], call: { key: 'wk-routing-of-lab-00' }, order: ['router', 'a: policy', 'b: policy'] },
  { what: 'a policy that leaves nothing', model: 'ordered', args: ['--workspace', 'lab'], call: { key: 'wk-routing-of-lab-00' }, order: ['a: policy', 'b: policy', 'gpt: policy'] },
  { what: 'own credentials', model: 'vectors', args: ['--own-credentials'], call: { own }, order: ['a', 'aws', 'gpt'] },
  {
    what: 'a breaker that has opened',
    model: 'rests',
    order: ['b', 'resting: breaker_open'],
    prepare: async () => {
      for (let i = 0; i < 3; i++) await ask('rests-fails');
    },
  },
  { what: 'a breaker that is forced open', model: 'shut', order: ['b', 'closed: breaker_forced'], prepare: () => breakers(world.weir, 'open', 'closed') },
  { what: 'a breaker that is free again', model: 'shut', order: ['closed', 'b'], prepare: () => breakers(world.weir, 'auto', 'closed') },
];
for (const t of truths) {
  test(`explain tells the truth about ${t.what}`, { skip }, async () => {
    await t.prepare?.();
    const told = await explain(world.weir, t.model, ...(t.args ?? []));
    assert.ok(told.live);
    assert.deepEqual(orderOf(told), t.order);
    assert.equal(told.targets.filter((x) => x.order === null && !x.why).length, 0, JSON.stringify(told));
    const first = told.targets.find((x) => x.order === 1);
    const happened = await ask(t.model, t.call);
    assert.deepEqual([happened.status, happened.provider], first ? [200, first.provider] : [503, null], happened.text);
  });
}

test('explain tells the truth about the wire: who is asked as it is, who is translated for, who cannot be asked', { skip }, async () => {
  const told = async (...args: string[]): Promise<string[]> =>
    (await explain(world.weir, 'vectors', ...args)).targets.map((t) => `${t.provider} ${t.order === null ? t.verdict : `${t.mode} ${t.wire}`}`);
  assert.deepEqual(await told(), ['a pass anthropic', 'aws reframe bedrock_invoke', 'gpt translate openai_chat']);
  assert.deepEqual(await told('--wire', 'openai_chat'), ['a translate anthropic', 'aws translate bedrock_invoke', 'gpt pass openai_chat']);
  assert.deepEqual(await told('--wire', 'openai_embeddings'), ['gpt pass openai_embeddings', 'a other_wire', 'aws other_wire']);
  await reset();
  const one = await callers.openai.call('vectors', 'by chat');
  expectWhole(one, echo('by chat'));
  assert.equal((await world.a.last('by chat')).target, '/v1/messages');
});

test('explain tells the truth about a probe that is under way', { skip }, async () => {
  for (let i = 0; i < 3; i++) await ask('rests-fails');
  await reload(world.weir, (text) => text.replace('open: 1800s', 'open: 1ms'));
  await eventually('it may be tried again', async () => orderOf(await explain(world.weir, 'rests'))[0] === 'resting');
  const probe = ask('rests-slow', { prompt: 'the probe' });
  await eventually('the probe is under way', async () => (await world.a.stats()).recent.some((r) => r.body.includes('the probe')));
  assert.deepEqual(orderOf(await explain(world.weir, 'rests')), ['b', 'resting: probed']);
  assert.equal((await ask('rests')).provider, 'b');
  assert.equal((await probe).provider, 'resting');
  assert.deepEqual(orderOf(await explain(world.weir, 'rests')), ['resting', 'b']);
  await reload(world.weir, (text) => text.replace('open: 1ms', 'open: 1800s'));
});

test('explain in words', { skip }, async () => {
  const { code, out } = await world.weir.command('route', 'explain', 'rests');
  assert.equal(code, 0, out);
  assert.match(out, /^rests: entry rests, strategy ordered, policy none, as the running weir would now\n +1 +resting .*\n +2 +b /);
});

test('explain --offline knows the configuration alone, and says so', { skip }, async () => {
  for (let i = 0; i < 3; i++) await ask('rests-fails');
  assert.deepEqual(orderOf(await explain(world.weir, 'rests')), ['b', 'resting: breaker_open']);
  const offline = await explain(world.weir, 'rests', '--offline');
  assert.equal(offline.live, false);
  assert.deepEqual(orderOf(offline), ['resting', 'b']);
  const { out } = await world.weir.command('route', 'explain', 'rests', '--offline');
  assert.match(out, /by the configuration file alone, whatever is stored/);
});

test('explain says whose own credentials would be used', { skip }, async () => {
  const told = await explain(world.weir, 'pooled', '--own-credentials');
  assert.deepEqual(told.targets.map((t) => [t.credential, t.verdict]), [['caller', 'tried'], ['caller', 'own_credentials'], ['caller', 'own_credentials']]);
  assert.equal(told.policy, 'plan_first');
});

const mistakes: [args: string[], code: number, says: RegExp][] = [
  [['nothing-like-it'], 1, /no entry under `models` serves "nothing-like-it" for requests in the anthropic wire/],
  [['chat-only'], 1, /no entry under `models` serves "chat-only" for requests in the anthropic wire/],
  [['ordered', '--wire', 'telegraph'], 1, /there is no wire "telegraph"/],
  [['ordered', '--policy', 'nobodys'], 1, /there is no policy "nobodys"/],
  [['ordered', '--key', 'nobody'], 1, /there is no key named "nobody"/],
  [['ordered', '--key', 'gone'], 1, /"gone" expired at 2020-01-01/],
  [['ordered', '--key', 'narrow'], 1, /the key "narrow" may not use the model "ordered"/],
  [['ordered', '--input-tokens', 'many'], 1, /--input-tokens must be a whole number/],
  [[], 2, /usage: weir route explain/],
  [['ordered', 'weighted'], 2, /what is meant by weighted/],
  [['ordered', '--policy', '--json', '--wire'], 2, /usage: weir route explain/],
  [['ordered', '--loudly'], 2, /unknown option --loudly/],
];
for (const [args, code, says] of mistakes) {
  for (const offline of [[], ['--offline']]) {
    test(`route explain ${[...args, ...offline].join(' ')}: exit status ${code}`, { skip }, async () => {
      const told = await world.weir.command('route', 'explain', ...args.slice(0, 1), ...offline, ...args.slice(1));
      assert.equal(told.code, code, told.out);
      assert.match(told.out, says);
    });
  }
}
