// Providers that fail in every way while real clients call: each caller gets the best answer that could be had, once, and the ledger
// has exactly the attempts that were made. Two simulators; what one does wrong the other mends.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { KEY, eventually, needsWeir, type LedgerRow } from './harness.js';
import { attemptsOf, becomesIdle, callersOf, echo, expectCut, expectWhole, model, provider, startPair, type Callers, type Heard, type Pair } from './routing.js';

const skip = needsWeir;

/** The kinds of the first and the second target. */
const pairs = [
  ['anthropic', 'bedrock'],
  ['bedrock', 'openai'],
  ['openai', 'anthropic'],
] as const;
type Kind = (typeof pairs)[number][0];
const called = (kind: Kind, behaviour: string): string => (kind === 'bedrock' ? `us.anthropic.sim-${behaviour}-v1:0` : `sim-${behaviour}`);

/** What is wrong before the first byte, and what it is taken for. */
const early: [behaviour: string, classOf: (kind: Kind) => string][] = [
  ['fail-429', () => 'rate_limit'],
  ['usage-limit', () => 'usage_limit'],
  ['fail-500', () => 'server_error'],
  ['fail-529', () => 'server_error'],
  ['fail-504', (kind) => (kind === 'bedrock' ? 'server_error' : 'timeout')], // there the exception's name says which
  ['garbage', () => 'server_error'],
  ['reset-after-0', () => 'network_error'],
  ['hang', () => 'timeout'],
];
/** What is wrong with a plain answer in its middle, with a stream before its first event; what each is taken for. */
const firstEvent: [behaviour: string, classes: [plain: string, streamed: string]][] = [
  ['cut-after-0', ['server_error', 'server_error']],
  ['half-after-0', ['server_error', 'server_error']],
  ['garbage-after-0', ['server_error', 'server_error']],
  ['badcrc-after-0', ['server_error', 'server_error']],
  ['error-after-0', ['server_error', 'server_error']],
  ['throttle-after-0', ['rate_limit', 'rate_limit']],
  ['unavailable-after-0', ['server_error', 'server_error']],
];
/** Slow enough for the first events to be out by then. */
const midStream = ['cut', 'half', 'reset', 'error', 'throttle', 'badcrc', 'garbage'].map((how) => `${how}-after-4+drip-50`);
/** What another target would not like any better. */
const clients = ['fail-400', 'fail-401', 'fail-403', 'fail-404', 'fail-413', 'fail-422'];
const all = [...early.map(([b]) => b), ...firstEvent.map(([b]) => b), ...midStream, ...clients];
const nameOf = (first: Kind, second: Kind, behaviour: string): string => `${first}-${second}-${behaviour}`;

function config(a: string, b: string): string {
  const kinds: Kind[] = ['anthropic', 'openai', 'bedrock'];
  const matrix = pairs.flatMap(([first, second]) =>
    all.map((behaviour) => model(nameOf(first, second, behaviour), [`a-${first} ${called(first, behaviour)}`, `b-${second} ${called(second, 'text')}`])),
  );
  return `breaker: { failures: 1000000 }
retry: { attempts: 0 }
timeouts: { connect: 2s, first_byte: 1500ms, between_bytes: 1500ms, total: 30s, drain: 10s }
providers:
${kinds.map((k) => provider(`a-${k}`, k, a)).join('\n')}
${kinds.map((k) => provider(`b-${k}`, k, b)).join('\n')}
models:
${matrix.join('\n')}
${model('long', ['a-anthropic sim-long-60+drip-20', 'b-bedrock us.anthropic.sim-long-60-v1:0'])}
${model('waiting', ['a-anthropic sim-slow-1200', 'b-bedrock us.anthropic.sim-text-v1:0'])}
prices:
${kinds.flatMap((k) => ['a', 'b'].map((at) => `  - { provider: ${at}-${k}, model: "*", input: 3.00, output: 15.00 }`)).join('\n')}
keys:
  - { name: all, value: "${KEY}", models: ["*"] }
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

interface Case {
  model: string;
  prompt: string;
  stream: boolean;
  first: Kind;
  second: Kind;
  heard: Heard;
}
/** Every client, plain and streamed, with every pair of targets, all at once. */
async function each(behaviour: string, streams = [false, true]): Promise<Case[]> {
  const asks = pairs.flatMap(([first, second]) =>
    callers.all.flatMap((caller) =>
      streams.map(async (stream): Promise<Case> => {
        const name = nameOf(first, second, behaviour);
        const prompt = `${caller.name} asks ${name}${stream ? ' for a stream' : ''}, and it is long enough to be cut`;
        return { model: name, prompt, stream, first, second, heard: await caller.call(name, prompt, { stream }) };
      }),
    ),
  );
  return Promise.all(asks);
}

/** What the ledger must hold when all is over. A kept connection that its server resets is tried once more at the same target. */
const wanted: string[] = [];
function expectAttempts(cases: Case[], attempts: (c: Case) => string[]): void {
  wanted.push(...cases.map((c) => `${c.model} ${c.stream ? 'streamed' : 'plain'}: ${attempts(c).join(', ')}`));
}
function toldOnce(rows: LedgerRow[]): string {
  const attempts = attemptsOf(rows).filter((a, i, all) => !(a.endsWith('network_error') && a === all[i - 1]));
  return `${rows[0]?.model} ${rows[0]?.streamed ? 'streamed' : 'plain'}: ${attempts.join(', ')}`;
}

for (const [behaviour, classOf] of early) {
  test(`${behaviour} at the first target: every client gets the second one's answer, once`, { skip }, async () => {
    const cases = await each(behaviour);
    for (const c of cases) expectWhole(c.heard, echo(c.prompt));
    expectAttempts(cases, (c) => [`failed_over a-${c.first} ${classOf(c.first)}`, `ok b-${c.second}`]);
  });
}

for (const [behaviour, classes] of firstEvent) {
  test(`${behaviour}: nothing of the first target's answer is shown, the second one's is whole`, { skip }, async () => {
    const cases = await each(behaviour);
    for (const c of cases) expectWhole(c.heard, echo(c.prompt));
    expectAttempts(cases, (c) => [`failed_over a-${c.first} ${classes[c.stream ? 1 : 0]}`, `ok b-${c.second}`]);
  });
}

for (const behaviour of midStream) {
  test(`${behaviour}: bytes had gone out, so the stream ends in an error and nobody else is asked`, { skip }, async () => {
    await world.b.reset();
    const cases = await each(behaviour, [true]);
    for (const c of cases) expectCut(c.heard, echo(c.prompt));
    assert.equal((await world.b.stats()).requests, 0);
    const isError = /^(error|throttle)/.test(behaviour);
    expectAttempts(cases, (c) => [`${isError ? 'error' : 'cut'} a-${c.first}`]);
  });
}

for (const behaviour of clients) {
  test(`${behaviour} is the caller's own mistake: returned as it is, nobody else is asked`, { skip }, async () => {
    await world.b.reset();
    const cases = await each(behaviour);
    for (const c of cases) assert.equal(c.heard.error?.status, Number(behaviour.slice(5)), JSON.stringify(c.heard));
    assert.equal((await world.b.stats()).requests, 0);
    expectAttempts(cases, (c) => [`error a-${c.first}`]);
  });
}

/** What the model says when nothing disturbs it. */
let whole = '';
/** A stream of each client and how many pieces of it have come. */
interface Running {
  pieces: number;
  heard: Promise<Heard>;
}
function stream(name: string, prompt: string): Running[] {
  return callers.all.map((caller) => {
    const running: Running = { pieces: 0, heard: Promise.resolve({ text: '', ended: false, input: 0 }) };
    running.heard = caller.call(name, prompt, { stream: true, eachText: () => running.pieces++ });
    return running;
  });
}
const plain = (name: string, prompt: string): Promise<Heard>[] => callers.all.map((c) => c.call(name, prompt));
const allRun = (streams: Running[], pieces: number): Promise<void> => eventually('all streams have begun', async () => streams.every((s) => s.pieces >= pieces));
const atFirst = (part: string): Promise<void> =>
  eventually(`the first simulator has all of "${part}"`, async () => (await world.a.stats()).recent.filter((r) => r.body.includes(part)).length === callers.all.length);
function expectOf(name: string, streamed: boolean, ...attempts: string[]): void {
  wanted.push(...callers.all.map(() => `${name} ${streamed ? 'streamed' : 'plain'}: ${attempts.join(', ')}`));
}

test('a provider that is killed: streams that had begun are cut, all others are whole', { skip }, async () => {
  const undisturbed = await callers.anthropic.call('long', 'undisturbed');
  whole = undisturbed.text;
  wanted.push('long plain: ok a-anthropic');
  const begun = stream('long', 'begun before the kill');
  const waiting = [...plain('waiting', 'waits for its head'), ...stream('waiting', 'waits for its head').map((s) => s.heard)];
  await allRun(begun, 3);
  await world.a.kill();
  const later = stream('long', 'begun after the kill');
  for (const s of begun) expectCut(await s.heard, whole);
  for (const heard of await Promise.all(waiting)) expectWhole(heard, echo('waits for its head'));
  for (const s of later) expectWhole(await s.heard, whole);
  expectOf('long', true, 'cut a-anthropic');
  for (const streamed of [false, true]) expectOf('waiting', streamed, 'failed_over a-anthropic network_error', 'ok b-bedrock');
  expectOf('long', true, 'failed_over a-anthropic network_error', 'ok b-bedrock');
});

test('once it is there again it is asked first, over new connections', { skip }, async () => {
  await world.a.restart();
  await world.b.reset();
  for (const s of stream('long', 'after the restart')) expectWhole(await s.heard, whole);
  expectOf('long', true, 'ok a-anthropic');
  assert.equal((await world.b.stats()).requests, 0);
});

test('a short stall is noticed by nobody', { skip }, async () => {
  const begun = stream('long', 'through a short stall');
  await allRun(begun, 3);
  world.a.signal('SIGSTOP');
  await sleep(300);
  world.a.signal('SIGCONT');
  for (const s of begun) expectWhole(await s.heard, whole);
  expectOf('long', true, 'ok a-anthropic');
});

test('a provider that stalls: streams that had begun end with an error, all others go to the next', { skip }, async () => {
  const begun = stream('long', 'begun before the stall');
  const waiting = plain('waiting', 'waits in the stall');
  await allRun(begun, 3);
  await atFirst('waits in the stall');
  world.a.signal('SIGSTOP');
  try {
    const later = stream('long', 'begun in the stall');
    for (const s of begun) expectCut(await s.heard, whole);
    for (const heard of await Promise.all(waiting)) expectWhole(heard, echo('waits in the stall'));
    for (const s of later) expectWhole(await s.heard, whole);
  } finally {
    world.a.signal('SIGCONT');
  }
  expectOf('long', true, 'cut a-anthropic');
  expectOf('waiting', false, 'failed_over a-anthropic timeout', 'ok b-bedrock');
  expectOf('long', true, 'failed_over a-anthropic timeout', 'ok b-bedrock');
  await eventually('the stalled simulator sees that nobody waits any more', async () => (await world.a.stats()).active === 1); // that is the question itself
  for (const heard of await Promise.all(plain('long', 'after the stall'))) expectWhole(heard, whole);
  expectOf('long', false, 'ok a-anthropic');
});

test('the ledger has each attempt of each request, once, and only what said something cost something', { skip }, async () => {
  const rows = await world.weir.ledgerOf(wanted.length, () => true);
  const requests = new Map<string, LedgerRow[]>();
  for (const r of rows) requests.set(r.request_id, [...(requests.get(r.request_id) ?? []), r]);
  assert.deepEqual([...requests.values()].map(toldOnce).sort(), wanted.sort());
  for (const r of rows) {
    const saidSomething = r.outcome !== 'failed_over' && r.upstream_status === 200;
    assert.equal((r.cost_nano ?? 0) > 0, saidSomething, JSON.stringify(r));
  }
  await becomesIdle(world.weir.url);
});
