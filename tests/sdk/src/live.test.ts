// Requests are followed while they happen: with fetch as server-sent events and with a real WebSocket client, by somebody who has signed in.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Database } from './database.js';
import { KEYS, Sim, Weir, direct, openai } from './harness.js';

const skip = direct ? 'needs a gateway' : false;
const sim = direct ? (undefined as unknown as Sim) : await Sim.start();
const database = direct ? undefined : await Database.start();
after(async () => {
  if (direct) return;
  await sim.stop();
  await database?.stop();
});

const PASSWORD = 'correct-horse-battery';
const BERTS = 'wk-test-bert-0001';
/** Begins within the list of keys. */
const PEOPLE = `  - { name: bert, value: "${BERTS}", models: ["*"], user: bert@x.org }
signin: { password: { memory_kib: 8192, passes: 1 } }
users: [ { email: ann@x.org, password: ${PASSWORD}, role: owner }, { email: bert@x.org, password: ${PASSWORD}, role: member } ]
`;

interface Row {
  id: string;
  key_name: string;
  user: string | null;
  model: string;
  outcome: string;
  tokens: { input: number };
  cost_usd: { total: string };
}
interface Event {
  event: string;
  id?: string;
  data: unknown;
}

class Person {
  cookie = '';
  csrf = '';
  constructor(readonly url: string) {}
  static async signIn(url: string, email: string): Promise<Person> {
    const person = new Person(url);
    const answer = await fetch(`${url}/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ email, password: PASSWORD }) });
    assert.equal(answer.status, 200, await answer.text());
    const pairs = answer.headers.getSetCookie().map((c) => c.split(';')[0] ?? '');
    person.cookie = pairs.join('; ');
    person.csrf = pairs.find((p) => p.startsWith('weir_csrf='))?.slice('weir_csrf='.length) ?? '';
    return person;
  }
  ask(method: string, path: string): Promise<Response> {
    return fetch(this.url + path, { method, headers: { cookie: this.cookie, 'x-weir-csrf': this.csrf } });
  }
}

/** Events as they come, to be waited for. */
abstract class Followed {
  readonly events: Event[] = [];
  ended = false;
  async until(what: string, holds: (e: Event) => boolean): Promise<Event> {
    for (const end = Date.now() + 20000; Date.now() < end; await sleep(10)) {
      const found = this.events.find(holds);
      if (found) return found;
    }
    return assert.fail(`${what} did not come: ${JSON.stringify(this.events)}`);
  }
  async untilEnd(): Promise<void> {
    for (const end = Date.now() + 20000; Date.now() < end && !this.ended; await sleep(10));
    assert.ok(this.ended, 'it goes on and on');
  }
  row(model: string): Promise<Event> {
    return this.until(`a row of ${model}`, (e) => e.event === 'request' && (e.data as Row).model === model);
  }
  models(): string[] {
    return this.events.filter((e) => e.event === 'request').map((e) => (e.data as Row).model);
  }
  abstract leave(): void;
}

class Sse extends Followed {
  private stop = new AbortController();
  static async open(person: Person, query = '', headers: Record<string, string> = {}): Promise<Sse> {
    const stream = new Sse();
    const answer = await fetch(`${person.url}/api/v1/requests/live${query}`, { headers: { cookie: person.cookie, ...headers }, signal: stream.stop.signal });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get('content-type'), 'text/event-stream');
    void stream.read(answer.body ?? assert.fail()).catch(() => undefined);
    return stream;
  }
  private async read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let text = '';
    for await (const part of body as unknown as AsyncIterable<Uint8Array>) {
      const blocks = (text + decoder.decode(part, { stream: true })).split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const fields = new Map(block.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]));
        const data = fields.get('data');
        const id = fields.get('id');
        if (data !== undefined) this.events.push({ event: fields.get('event') ?? '', ...(id === undefined ? {} : { id }), data: JSON.parse(data) });
      }
    }
    this.ended = true;
  }
  leave(): void {
    this.stop.abort();
  }
}

class Socket extends Followed {
  code = 0;
  pongs = 0;
  private constructor(private socket: WebSocket) {
    super();
    socket.on('message', (data) => this.events.push(JSON.parse((data as Buffer).toString()) as Event));
    socket.on('pong', () => this.pongs++);
    socket.on('close', (code) => {
      this.code = code;
      this.ended = true;
    });
  }
  static open(person: Person, query = '', headers: Record<string, string> = {}): Promise<Socket> {
    const url = `${person.url.replace('http', 'ws')}/api/v1/requests/live${query}`;
    const socket = new WebSocket(url, { headers: { cookie: person.cookie, origin: person.url, ...headers } });
    const followed = new Socket(socket);
    return new Promise((resolve, reject) => {
      socket.on('open', () => resolve(followed));
      socket.on('unexpected-response', (_, answer) => reject(new Error(String(answer.statusCode))));
      socket.on('error', reject);
    });
  }
  ping(): void {
    this.socket.ping('still there?');
  }
  leave(): void {
    this.socket.close(4000, 'enough');
  }
}

let serial = 0;
/** One call, under a name of its own. */
async function chat(weir: Weir, key = KEYS.all): Promise<string> {
  const model = `sim-text-${++serial}`;
  await openai(weir.url, key).chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }] });
  return model;
}

test('rows come as they are settled, over either way, filtered and one\'s own only', { skip }, async () => {
  const weir = await Weir.start(sim, PEOPLE);
  const open: Followed[] = [];
  try {
    const ann = await Person.signIn(weir.url, 'ann@x.org');
    const bert = await Person.signIn(weir.url, 'bert@x.org');
    const [all, socket, berts, own] = [await Sse.open(ann), await Socket.open(ann), await Sse.open(ann, '?user=bert@x.org&outcome=ok'), await Socket.open(bert)];
    open.push(all, socket, berts, own);
    const first = await chat(weir);
    const second = await chat(weir, BERTS);
    const row = (await all.row(first)).data as Row;
    assert.equal(row.outcome, 'ok');
    assert.ok(row.tokens.input > 0 && Number(row.cost_usd.total) > 0);
    const listed = (await (await ann.ask('GET', '/api/v1/requests')).json()) as { data: Row[] };
    assert.deepEqual(listed.data.find((r) => r.id === row.id), row);
    assert.deepEqual((await socket.row(first)).data, row);
    for (const followed of open) assert.equal(((await followed.row(second)).data as Row).user, 'bert@x.org');
    assert.deepEqual(berts.models(), [second]);
    assert.deepEqual(own.models(), [second]);
    await assert.rejects(Socket.open(bert, '?user=ann@x.org'), /403/);
    await assert.rejects(Socket.open(ann, '', { origin: 'https://evil.example' }), /403/);
    await assert.rejects(Socket.open(ann, '', { cookie: '' }), /401/);

    socket.ping();
    for (const end = Date.now() + 20000; Date.now() < end && socket.pongs === 0; await sleep(10));
    assert.equal(socket.pongs, 1);
    socket.leave();
    await socket.untilEnd();
    assert.equal(socket.code, 4000);

    // Who comes back gets what came meanwhile, from memory or from the log.
    const place = (await all.row(second)).id ?? assert.fail();
    const third = await chat(weir);
    await all.row(third);
    const back = await Sse.open(ann, '', { 'last-event-id': place });
    await back.row(third);
    assert.ok(!back.models().includes(second));
    for (const followed of [all, berts, own, back]) followed.leave();
    const fourth = await chat(weir);
    await weir.ledgerOf(4, () => true);
    const later = await Socket.open(ann, `?after=${place}`);
    open.push(later);
    await later.row(fourth);
    await later.row(third);
    assert.ok(!later.models().includes(second));
    for (const secret of [PASSWORD, KEYS.all, BERTS]) assert.ok(!JSON.stringify(later.events).includes(secret));
  } finally {
    for (const followed of open) followed.leave();
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
});

test('it ends with the session, with the rights, and with the service', { skip }, async () => {
  const weir = await Weir.start(sim, PEOPLE);
  let stopped = false;
  try {
    const ann = await Person.signIn(weir.url, 'ann@x.org');
    const bert = await Person.signIn(weir.url, 'bert@x.org');
    const [sse, socket, stays, remains] = [await Sse.open(bert), await Socket.open(bert), await Sse.open(ann), await Socket.open(ann)];
    const users = (await (await ann.ask('GET', '/api/v1/users')).json()) as { data: { id: number; email: string }[] };
    const id = users.data.find((u) => u.email === 'bert@x.org')?.id ?? assert.fail();
    assert.equal((await ann.ask('DELETE', `/api/v1/users/${id}/sessions`)).status, 204);
    await sse.untilEnd();
    await socket.untilEnd();
    assert.deepEqual(sse.events.at(-1), { event: 'end', data: { reason: 'access' } });
    assert.equal(socket.code, 1008);
    await stays.row(await chat(weir));
    const code = weir.stop();
    stopped = true;
    await stays.untilEnd();
    await remains.untilEnd();
    assert.deepEqual(stays.events.at(-1), { event: 'end', data: { reason: 'drain' } });
    assert.equal(remains.code, 1001);
    assert.equal(await code, 0, weir.logs().slice(-3000));
  } finally {
    if (!stopped) await weir.stop();
  }
});

test('calls of every replica come, each once', { skip: skip || database?.missing, timeout: 90000 }, async () => {
  const shared = `${PEOPLE}store: "${database?.url ?? ''}"
server_key: "${randomBytes(32).toString('hex')}"
vault: { master_key: "${randomBytes(32).toString('hex')}" }
public_url: "http://127.0.0.1:8080"
`;
  const all = [await Weir.start(sim, shared)];
  const open: Followed[] = [];
  try {
    all.push(await Weir.start(sim, shared));
    const [one, two] = all;
    assert.ok(one && two);
    const ann = await Person.signIn(one.url, 'ann@x.org');
    const here = await Sse.open(ann, '?outcome=ok');
    const there = new Person(two.url);
    there.cookie = ann.cookie;
    const elsewhere = await Socket.open(there);
    open.push(here, elsewhere);
    const made: string[] = [];
    for (let i = 0; i < 6; i++) made.push(await chat(i % 2 ? one : two));
    for (const followed of open) for (const model of made) await followed.row(model);
    // Nothing comes twice when the log is read again.
    await sleep(2500);
    for (const followed of open) assert.deepEqual(followed.models().sort(), [...made].sort());
    // What was missed on one replica is sent by the other.
    const place = (await here.row(made[3] ?? '')).id ?? assert.fail();
    const back = await Sse.open(there, `?after=${place}`);
    open.push(back);
    const at = here.events.findIndex((e) => e.id === place);
    for (const e of here.events.slice(at + 1)) await back.row((e.data as Row).model);
  } finally {
    for (const followed of open) followed.leave();
    const codes = [];
    for (const weir of all) codes.push(await weir.stop());
    assert.deepEqual(codes, all.map(() => 0), all.map((weir) => weir.logs().slice(-3000)).join('\n'));
  }
});
