// Links by mail, through a real mail server: an invitation, a new password, signing in with a link; over STARTTLS and TLS from the start,
// with a certificate that is checked.
import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Sim, Weir, direct } from './harness.js';
import { MailServer, makeCertificate } from './post.js';

const skip = direct ? 'needs a gateway' : false;
const PASSWORD = 'correct-horse-battery';
const CHEAP = 'signin: { password: { memory_kib: 8192, passes: 1 } }\n';
const USERS = `users: [{ email: owner@x.org, password: "${PASSWORD}", role: owner }]\n`;

async function withPost(secure: boolean, run: (post: MailServer) => Promise<void>): Promise<void> {
  const post = await MailServer.start(dir, secure);
  try {
    await run(post);
  } finally {
    await post.stop();
  }
}

interface Answer {
  status: number;
  json: Record<string, unknown>;
  cookies: string;
  csrf: string;
}

async function ask(weir: Weir, method: string, path: string, body?: unknown, who?: Answer): Promise<Answer> {
  const headers: Record<string, string> = who ? { cookie: who.cookies, 'x-weir-csrf': who.csrf } : {};
  if (body !== undefined) headers['content-type'] = 'application/json';
  const answer = await fetch(weir.url + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
  const text = await answer.text();
  const set = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0] ?? '');
  return {
    status: answer.status,
    json: (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>,
    cookies: set.join('; '),
    csrf: set.find((cookie) => cookie.startsWith('weir_csrf='))?.slice('weir_csrf='.length) ?? '',
  };
}

let sim: Sim;
let dir = '';
before(async () => {
  if (direct) return;
  sim = await Sim.start();
  dir = mkdtempSync(join(tmpdir(), 'weir-mail-'));
  makeCertificate(dir);
});
after(async () => {
  if (direct) return;
  await sim.stop();
  rmSync(dir, { recursive: true, force: true });
});

for (const secure of [false, true]) {
  test(`people come in by mail over ${secure ? 'TLS' : 'STARTTLS'}`, { skip, timeout: 120000 }, () => withPost(secure, async (post) => {
    const smtp = `smtp: { url: "${post.url}", user: weir, password: "mail-secret", from: "weir@x.org", ca: "${join(dir, 'cert.pem')}" }\n`;
    const weir = await Weir.start(sim, CHEAP + USERS + smtp);
    try {
      const owner = await ask(weir, 'POST', '/auth/login', { email: 'owner@x.org', password: PASSWORD });
      assert.equal(owner.status, 200);
      const anna = await ask(weir, 'POST', '/api/v1/users', { email: 'anna@x.org', name: 'Anna' }, owner);
      assert.equal(anna.status, 201, JSON.stringify(anna.json));
      const id = anna.json.id as number;

      const invited = await ask(weir, 'POST', `/api/v1/users/${id}/mail`, undefined, owner);
      assert.equal(invited.status, 200, JSON.stringify(invited.json));
      assert.deepEqual(invited.json, { kind: 'invite' });
      const invitation = await post.link(1);
      assert.deepEqual(post.mails[0]?.to, ['anna@x.org']);
      assert.equal(post.mails[0]?.from, 'weir@x.org');
      assert.equal(post.mails[0]?.secure, true);
      assert.equal(post.mails[0]?.user, 'weir');
      assert.match(post.mails[0]?.text ?? '', /^Subject: Your invitation to Weir\r?$/m);
      assert.equal(invitation.pathname, '/accept');
      const token = invitation.searchParams.get('token') ?? '';
      assert.equal((await ask(weir, 'POST', '/auth/accept', { token, password: PASSWORD })).status, 200);

      // Whoever asks gets the same answer; only who has an account gets a mail.
      assert.equal((await ask(weir, 'POST', '/auth/magic', { email: 'nobody@x.org' })).status, 202);
      assert.equal((await ask(weir, 'POST', '/auth/magic', { email: 'Anna@X.org' })).status, 202);
      const magic = await post.link(2);
      assert.deepEqual(post.mails[1]?.to, ['anna@x.org']);
      assert.equal(magic.pathname, '/magic');
      // A program that looks through mail opens the page, which uses nothing up.
      assert.equal((await fetch(weir.url + magic.pathname + magic.search)).status, 200);
      const proof = magic.searchParams.get('token') ?? '';
      const session = await ask(weir, 'POST', '/auth/magic/finish', { token: proof });
      assert.equal(session.status, 200, JSON.stringify(session.json));
      assert.equal((await ask(weir, 'GET', '/api/v1/me', undefined, session)).json.email, 'anna@x.org');
      assert.equal((await ask(weir, 'POST', '/auth/magic/finish', { token: proof })).status, 403);

      const jobs = (await weir.local('GET', '/api/v1/jobs?kind=mail')).body;
      const audit = (await weir.local('GET', '/api/v1/audit?limit=100')).body;
      assert.match(audit, /"user\.mail"/);
      for (const secret of [token, proof, 'mail-secret'])
        for (const [where, text] of [['jobs', jobs], ['audit', audit], ['logs', weir.logs()]] as const) assert.ok(!text.includes(secret), `${where} tell a secret`);
    } finally {
      assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
    }
  }));
}

test('a mail server that cannot be trusted gets no mail, and the job says why', { skip, timeout: 120000 }, () => withPost(false, async (post) => {
  const smtp = `smtp: { url: "${post.url}", user: weir, password: "mail-secret", from: "weir@x.org" }\n`;
  const weir = await Weir.start(sim, CHEAP + USERS + smtp);
  try {
    assert.equal((await ask(weir, 'POST', '/auth/magic', { email: 'owner@x.org' })).status, 202);
    let job: { state: string; error: string; id: number } | undefined;
    for (const end = Date.now() + 30000; !job?.error && Date.now() < end; await sleep(50))
      job = (JSON.parse((await weir.local('GET', '/api/v1/jobs?kind=mail')).body) as { data: (typeof job)[] }).data[0];
    assert.match(job?.error ?? '', /certificate/);
    assert.equal(job?.state, 'queued', 'it is tried again');
    assert.equal(post.mails.length, 0);
  } finally {
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
}));

test('without a mail server there is nothing of it', { skip }, async () => {
  const weir = await Weir.start(sim, CHEAP + USERS);
  try {
    const owner = await ask(weir, 'POST', '/auth/login', { email: 'owner@x.org', password: PASSWORD });
    assert.equal((await ask(weir, 'POST', '/auth/magic', { email: 'owner@x.org' })).status, 404);
    assert.equal((await ask(weir, 'POST', '/api/v1/users/1/mail', undefined, owner)).status, 404);
    // What no mail could come from is found before the start.
    weir.configure((text) => `${text}smtp: { url: "smtp://mail.x.org:99999", from: "a,b@x.org" }\n`);
    const { code, out } = await weir.command('check');
    assert.equal(code, 1, out);
    assert.match(out, /`smtp\.url` is not the address of a mail server/);
    assert.match(out, /`smtp\.from`: mail cannot be sent from this address/);
  } finally {
    assert.equal(await weir.stop(), 0, weir.logs().slice(-3000));
  }
});
