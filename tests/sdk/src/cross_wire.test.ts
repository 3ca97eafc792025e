// What no SDK shows: when the pieces of a translated stream arrive, what was left out, and who answered.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { KEY, needsWeir } from './harness.js';
import { PROVIDERS, lenient, startCross, via, type Provider } from './cross.js';

const world = await startCross();
after(() => world.stop());

interface Wire {
  name: string;
  path: string;
  body(model: string, more?: object): object;
}
const wires: Wire[] = [
  {
    name: 'anthropic',
    path: '/v1/messages',
    body: (model, more) => ({ model, max_tokens: 100, stream: true, messages: [{ role: 'user', content: 'one two three four five six' }], ...more }),
  },
  {
    name: 'chat',
    path: '/v1/chat/completions',
    body: (model, more) => ({ model, stream: true, messages: [{ role: 'user', content: 'one two three four five six' }], ...more }),
  },
  { name: 'responses', path: '/v1/responses', body: (model, more) => ({ model, stream: true, store: false, input: 'one two three four five six', ...more }) },
];

function ask(wire: Wire, model: string, more?: object): Promise<Response> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${KEY}`, 'anthropic-version': '2023-06-01' };
  return fetch(`${world.url}${wire.path}`, { method: 'POST', headers, body: JSON.stringify(wire.body(model, more)) });
}

/** Milliseconds between the first and the last packet that holds a piece of the text. */
async function spread(wire: Wire, p: Provider): Promise<number> {
  const answer = await ask(wire, via(p, 'drip-30'));
  assert.equal(answer.status, 200, `${wire.name} -> ${p}`);
  const times: number[] = [];
  const decoder = new TextDecoder();
  for await (const packet of answer.body ?? []) {
    if (/"(text|content|delta)":\s*"[^"]/.test(decoder.decode(packet as Uint8Array))) times.push(performance.now());
  }
  return (times.at(-1) ?? 0) - (times[0] ?? 0);
}

for (const wire of wires) {
  test(`${wire.name}: pieces of a stream are passed on as they come, whoever sends them`, { skip: needsWeir }, async () => {
    const spreads = await Promise.all(PROVIDERS.map(async (p) => ({ p, ms: await spread(wire, p) })));
    for (const { p, ms } of spreads) assert.ok(ms >= 90, `${wire.name} -> ${p}: all pieces within ${ms} ms`);
  });

  test(`${wire.name}: the answer says who gave it, whatever the provider's wire`, { skip: needsWeir }, async () => {
    for (const p of PROVIDERS) {
      const answer = await ask(wire, via(p, 'text'));
      await answer.text();
      assert.equal(answer.headers.get('x-weir-provider'), p);
      assert.match(answer.headers.get('content-type') ?? '', /^text\/event-stream/);
    }
  });
}

test('what may be left out is left out and named in the answer', { skip: needsWeir }, async () => {
  const wire = wires[0]!;
  for (const p of ['chat', 'responses'] as const) {
    const refused = await ask(wire, via(p, 'text'), { top_k: 5 });
    assert.equal(refused.status, 400);
    assert.match(await refused.text(), /top_k/);
    const answer = await ask(wire, lenient(p, 'text'), { top_k: 5 });
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('x-weir-left-out') ?? '', /top_k/);
    await answer.text();
  }
});

test('a member that nobody knows is passed on the same wire and refused by name on another', { skip: needsWeir }, async () => {
  const same: Record<string, Provider> = { anthropic: 'anthropic', chat: 'chat', responses: 'responses' };
  for (const wire of wires) {
    for (const p of PROVIDERS) {
      const answer = await ask(wire, via(p, 'text'), { zork_of_tomorrow: { a: 1 } });
      const body = await answer.text();
      if (p === same[wire.name] || (wire.name === 'anthropic' && p === 'invoke') || (wire.name === 'chat' && p === 'openrouter')) {
        assert.match((await world.sim.last('zork_of_tomorrow')).body, /"zork_of_tomorrow":\{"a":1\}/);
      } else {
        assert.equal(answer.status, 400, `${wire.name} -> ${p}: ${body}`);
        assert.match(body, /zork_of_tomorrow/);
      }
    }
  }
});

test('the ledger has every translated call once, with the tokens of the provider', { skip: needsWeir }, async () => {
  for (const wire of wires) {
    for (const p of PROVIDERS) await (await ask(wire, via(p, `long-${40 + PROVIDERS.indexOf(p)}`))).text();
  }
  const rows = await world.weir.ledgerOf(wires.length * PROVIDERS.length, (r) => r.model.includes('.long-'));
  assert.equal(rows.length, wires.length * PROVIDERS.length);
  for (const row of rows) {
    assert.equal(row.outcome, 'ok', `${row.wire} -> ${row.provider}`);
    assert.equal(row.usage.output, 40 + PROVIDERS.indexOf(row.provider as Provider), `${row.wire} -> ${row.provider}`);
    assert.ok(row.usage.input > 0);
    // Nothing here has a price in the configuration; OpenRouter says itself what a call costs.
    if (row.provider === 'openrouter') assert.ok((row.cost_nano ?? 0) > 0, `${row.wire}: cost ${row.cost_nano}`);
    else assert.equal(row.cost_nano, null);
  }
});
