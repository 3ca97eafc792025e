// Calls with tokens of an external issuer in place of a Weir key, through the real SDKs; the issuer is a server of this test that signs with
// node:crypto, so that another implementation than Weir's made every signature.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { constants, createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import OpenAI from 'openai';
import { Anthropic, UPSTREAM_ANTHROPIC, eventually, header, needsWeir, openai, start, type World } from './harness.js';

const skip = needsWeir;
const b64 = (data: string | Buffer): string => Buffer.from(data).toString('base64url');

interface Key {
  kid: string;
  alg: string;
  private: KeyObject;
  public: KeyObject;
}
function make(kid: string, alg: string): Key {
  const pair =
    alg === 'EdDSA' ? generateKeyPairSync('ed25519')
    : alg === 'ES256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { kid, alg, private: pair.privateKey, public: pair.publicKey };
}
function signed(key: Key, input: string): Buffer {
  const data = Buffer.from(input);
  if (key.alg === 'EdDSA') return sign(null, data, key.private);
  if (key.alg === 'ES256') return sign('sha256', data, { key: key.private, dsaEncoding: 'ieee-p1363' });
  if (key.alg === 'PS256') return sign('sha256', data, { key: key.private, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 });
  return sign('sha256', data, key.private);
}

/** Publishes keys by discovery, and counts how often it is asked. */
class Issuer {
  keys: Key[] = [];
  asked = 0;
  away = false;
  private server: Server;
  private constructor() {
    this.server = createServer((rq, answer) => {
      if (this.away) {
        answer.writeHead(500).end();
        return;
      }
      answer.setHeader('content-type', 'application/json');
      if (rq.url === '/realm/.well-known/openid-configuration') {
        answer.end(JSON.stringify({ issuer: this.url, jwks_uri: `${this.url}/keys` }));
        return;
      }
      this.asked++;
      answer.end(JSON.stringify({ keys: this.keys.map((k) => ({ ...k.public.export({ format: 'jwk' }), kid: k.kid, alg: k.alg, use: 'sig' })) }));
    });
  }
  static async start(): Promise<Issuer> {
    const i = new Issuer();
    await new Promise<void>((resolve) => i.server.listen(0, '127.0.0.1', resolve));
    return i;
  }
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/realm`;
  }
  token(key: Key, claims: object = {}, head: object = {}): string {
    const now = Math.floor(Date.now() / 1000);
    const input = [{ alg: key.alg, kid: key.kid, typ: 'JWT', ...head }, { iss: this.url, aud: 'weir', exp: now + 300, nbf: now - 5, iat: now, sub: 'alice', ...claims }]
      .map((part) => b64(JSON.stringify(part)))
      .join('.');
    return `${input}.${b64(signed(key, input))}`;
  }
  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

let issuer: Issuer;
let world: World;
before(async () => {
  if (skip) return;
  issuer = await Issuer.start();
  issuer.keys = ['RS256', 'PS256', 'ES256', 'EdDSA'].map((alg) => make(`key-${alg}`, alg));
  world = await start(`jwt_issuers:
  - { name: idp, issuer: "${issuer.url}", audience: [weir, other], pause: 200ms, models: ["sim-*"], workspace: lab }
`);
});
after(async () => {
  if (skip) return;
  await world.stop();
  await issuer.stop();
});

const anthropic = (token: string): InstanceType<typeof Anthropic> => new Anthropic({ baseURL: world.url, authToken: token, apiKey: null, maxRetries: 0 });
const ask = { model: 'sim-text', max_tokens: 20, messages: [{ role: 'user' as const, content: 'hello' }] };

async function refused(token: string, status: number, why: RegExp): Promise<void> {
  await assert.rejects(anthropic(token).messages.create(ask), (e: InstanceType<typeof Anthropic.APIError>) => {
    assert.equal(e.status, status, e.message);
    assert.match(e.message, why);
    return true;
  });
}

test('a token of each algorithm is taken by both SDKs, plain and streamed, and goes no further', { skip }, async () => {
  for (const key of issuer.keys) {
    const token = issuer.token(key, { email: 'alice@example.com' });
    const plain = await anthropic(token).messages.create(ask);
    assert.equal(plain.type, 'message');
    const stream = await openai(world.url, token).chat.completions.create({ model: 'sim-text', messages: ask.messages, stream: true });
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    assert.ok(text.length > 0);
    const seen = (await world.sim.stats()).recent;
    assert.ok(!JSON.stringify(seen).includes(token), 'the token reached the provider');
  }
  const last = await world.sim.last('hello');
  assert.ok(header(last, 'x-api-key') === UPSTREAM_ANTHROPIC || header(last, 'authorization') !== undefined);
  const rows = await world.weir.ledgerOf(8, (r) => r.key_name === 'jwt:idp/alice');
  assert.equal(rows.length, 8);
});

test('a token says why it is not taken', { skip }, async () => {
  const [rs, , es] = issuer.keys as [Key, Key, Key, Key];
  const now = Math.floor(Date.now() / 1000);
  await refused(issuer.token(es, { exp: now - 61 }), 401, /`exp` is over/);
  await refused(issuer.token(es, { nbf: now + 120 }), 401, /not valid yet/);
  await refused(issuer.token(es, { nbf: undefined }), 401, /`nbf` is missing/);
  await refused(issuer.token(es, { aud: 'someone' }), 401, /`aud` names others/);
  await refused(issuer.token(es, { sub: undefined }), 401, /`sub` is missing/);
  await refused(issuer.token(es, {}, { alg: 'none' }), 401, /is not signed with/);
  await refused(issuer.token(es, {}, { kid: 'key-RS256' }), 401, /does not publish/);
  await refused(issuer.token(rs, {}, { alg: 'PS256', kid: 'key-PS256' }), 401, /signature/);
  // The public key of RS256 as the secret of HS256.
  const head = b64(JSON.stringify({ alg: 'HS256', kid: rs.kid }));
  const claims = issuer.token(rs).split('.')[1] ?? '';
  const mac = createHmac('sha256', rs.public.export({ type: 'spki', format: 'pem' })).update(`${head}.${claims}`).digest('base64url');
  await refused(`${head}.${claims}.${mac}`, 401, /is not signed with/);
  await refused(`${head}.${claims}.`, 401, /key/);
  const denied = openai(world.url, issuer.token(es)).chat.completions.create({ model: 'alias', messages: ask.messages });
  await assert.rejects(denied, (e: InstanceType<typeof OpenAI.APIError>) => e.status === 403 || e.status === 404);
});

test('strangers with unknown keys cause no storm at the issuer', { skip }, async () => {
  const stranger = make('unknown', 'ES256');
  const before = issuer.asked;
  const began = Date.now();
  const answers = await Promise.all(Array.from({ length: 200 }, (_, n) =>
    fetch(`${world.url}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${issuer.token({ ...stranger, kid: `k${n}` })}`, 'content-type': 'application/json' },
      body: JSON.stringify(ask),
    }).then(async (r) => (await r.text(), r.status))));
  assert.ok(answers.every((s) => s === 401 || s === 503), JSON.stringify(answers));
  assert.ok(issuer.asked - before <= 2 + (Date.now() - began) / 200, `asked ${issuer.asked - before} times`);
});

test('keys roll over, and an issuer that is away changes nothing for those who have them', { skip }, async () => {
  const fresh = make('fresh', 'ES256');
  issuer.keys = [...issuer.keys, fresh];
  await eventually('the new key is taken', async () => {
    const r = await fetch(`${world.url}/v1/models`, { headers: { authorization: `Bearer ${issuer.token(fresh)}` } });
    await r.text();
    return r.status === 200;
  });
  issuer.away = true;
  assert.equal((await anthropic(issuer.token(fresh, { sub: 'bob' })).messages.create(ask)).type, 'message');
  await refused(issuer.token(make('later', 'ES256')), 401, /does not publish/);
  issuer.away = false;
});
