// Two gateways with their own data on one Redis: they share their circuit breakers, and each goes on by itself when Redis is not there.
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KEY, KEYS, Sim, Weir, eventually, needsWeir, openai } from './harness.js';

const PASSWORD = 'redis-password-not-to-be-told';
const skip = needsWeir || (spawnSync('redis-server', ['--version']).status === 0 ? false : 'there is no redis-server: tools/setup.sh test installs it');
const sim = skip ? (undefined as unknown as Sim) : await Sim.start();
after(() => (skip ? undefined : sim.stop()));

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A Redis of the distribution that keeps nothing. */
class Redis {
  private child?: ChildProcess;
  private constructor(readonly port: number, readonly dir: string, private tls: boolean, private more: string[] = []) {}
  /** A node of a cluster, still alone; it also listens 10,000 ports higher. */
  static async node(): Promise<Redis> {
    let port = await freePort();
    while (port > 55535) port = await freePort();
    const redis = new Redis(port, mkdtempSync(join(tmpdir(), 'weir-sdk-redis-')), false, ['--cluster-enabled', 'yes', '--cluster-node-timeout', '1500', '--cluster-require-full-coverage', 'no']);
    await redis.run();
    return redis;
  }
  static async start(tls = false): Promise<Redis> {
    const dir = mkdtempSync(join(tmpdir(), 'weir-sdk-redis-'));
    if (tls)
      execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=redis', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', `${dir}/key.pem`, '-out', `${dir}/cert.pem`], { stdio: 'ignore' });
    const redis = new Redis(await freePort(), dir, tls);
    await redis.run();
    return redis;
  }
  get url(): string {
    return `${this.tls ? 'rediss' : 'redis'}://:${PASSWORD}@127.0.0.1:${this.port}/2`;
  }
  /** Lines of a configuration. */
  get config(): string {
    return `redis: "${this.url}"${this.tls ? `\nredis_ca: ${this.dir}/cert.pem` : ''}`;
  }
  async run(): Promise<void> {
    const secured = ['--port', '0', '--tls-port', String(this.port), '--tls-cert-file', `${this.dir}/cert.pem`, '--tls-key-file', `${this.dir}/key.pem`, '--tls-ca-cert-file', `${this.dir}/cert.pem`, '--tls-auth-clients', 'no'];
    const ports = this.tls ? secured : ['--port', String(this.port)];
    const options = ['--bind', '127.0.0.1', ...ports, '--save', '', '--dir', this.dir, '--requirepass', PASSWORD, ...this.more];
    this.child = spawn('redis-server', options, { stdio: 'ignore' });
    const answers = (): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect(this.port, '127.0.0.1', () => (socket.destroy(), resolve(true)));
        socket.on('error', () => resolve(false));
      });
    await eventually('Redis takes connections', answers, 15000);
  }
  signal(name: NodeJS.Signals): void {
    this.child?.kill(name);
  }
  async kill(): Promise<void> {
    const ended = new Promise((resolve) => this.child?.once('exit', resolve));
    if (this.child?.kill('SIGKILL')) await ended;
  }
  async end(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** "first" fails always, "second" answers. */
const config = (redis: Redis, open = '1800s') => (at: Sim, dir: string): string => `listen: 127.0.0.1:0
data_dir: ${dir}/data
workers: 2
${redis.config}
breaker: { failures: 3, window: 60s, open: ${open}, probe: 60s }
retry: { attempts: 0 }
affinity: { enabled: false }
providers:
  - { name: first, kind: openai, base_url: "${at.url}/v1", credentials: [ { name: main, api_key: first-key } ] }
  - { name: second, kind: openai, base_url: "${at.url}/v1", credentials: [ { name: main, api_key: second-key } ] }
models:
  - { name: both, targets: [ { provider: first, model: sim-fail-503 }, { provider: second, model: sim-text } ] }
keys:
  - { name: all, value: "${KEYS.all}" }
`;

/** Three primaries with a third of the slots each. */
async function withCluster(run: (nodes: [Redis, Redis, Redis], line: string) => Promise<void>): Promise<void> {
  const nodes: [Redis, Redis, Redis] = [await Redis.node(), await Redis.node(), await Redis.node()];
  const at = nodes.map((n) => `127.0.0.1:${n.port}`);
  const cli = (...args: string[]): string => execFileSync('redis-cli', ['--no-auth-warning', '-a', PASSWORD, ...args], { encoding: 'utf8' });
  try {
    cli('--cluster', 'create', ...at, '--cluster-yes');
    for (const node of nodes) await eventually('the cluster is whole', async () => /cluster_slots_ok:16384/.test(cli('-p', String(node.port), 'cluster', 'info')), 15000);
    await run(nodes, `redis: "redis+cluster://:${PASSWORD}@${at[0]},${at[1]}"`);
  } finally {
    for (const node of nodes) await node.end();
  }
}

interface Row {
  provider: string;
  state: string;
  force: string;
  reason: string;
}
async function breaker(weir: Weir, provider: string): Promise<Row | undefined> {
  const { code, out } = await weir.command('breaker', 'list', '--json');
  assert.equal(code, 0, out);
  return (JSON.parse(out) as { breakers: Row[] }).breakers.find((b) => b.provider === provider);
}

/** One request that must be answered: which keys of providers the simulator has seen for it. */
async function ask(weir: Weir): Promise<string[]> {
  await sim.reset();
  const answer = await openai(weir.url, KEY).chat.completions.create({ model: 'both', messages: [{ role: 'user', content: 'hello' }] });
  assert.ok(answer.choices[0]?.message.content);
  // The simulator notes a request when it has ended, which may be after its answer has been read.
  await eventually('the simulator has noted it', async () => (await sim.stats()).recent.some((r) => r.status === 200));
  const { recent } = await sim.stats();
  return recent.map((r) => /^Bearer (.*)-key$/.exec(r.headers.find(([n]) => n.toLowerCase() === 'authorization')?.[1] ?? '')?.[1] ?? '?');
}

interface Health {
  status: string;
  checks: Record<string, { status: string; state?: string; detail?: string }>;
}
async function health(weir: Weir, path = '/health'): Promise<{ status: number; body: Health }> {
  const answer = await fetch(weir.url + path);
  return { status: answer.status, body: (await answer.json()) as Health };
}
const isShared = (weir: Weir) => async (): Promise<boolean> => (await health(weir)).body.checks.redis?.status === 'ok';
const isAlone = (weir: Weir) => async (): Promise<boolean> => (await health(weir)).body.checks.redis?.status === 'degraded';

async function withReplicas(run: (a: Weir, b: Weir, redis: Redis) => Promise<void>, tls = false, open?: string): Promise<void> {
  const redis = await Redis.start(tls);
  const all: Weir[] = [];
  try {
    for (let i = 0; i < 2; i++) all.push(await Weir.start(sim, '', config(redis, open)));
    const [a, b] = all as [Weir, Weir];
    for (const weir of all) await eventually('breakers are shared', isShared(weir));
    await run(a, b, redis);
    for (const weir of all) assert.ok(!weir.logs().includes(PASSWORD), 'the log tells the password');
  } finally {
    for (const weir of all) assert.equal(await weir.stop(), 0, weir.logs().slice(-4000));
    await redis.end();
  }
}

test('a provider that fails through one replica is left alone by the other, which says why', { skip, timeout: 60000 }, async () => {
  await withReplicas(async (a, b) => {
    assert.deepEqual(await ask(b), ['first', 'second']);
    for (let i = 0; i < 3; i++) assert.deepEqual(await ask(a), ['first', 'second']);
    await eventually('the other replica knows', async () => (await breaker(b, 'first'))?.state === 'open', 10000);
    assert.deepEqual(await ask(a), ['second']);
    assert.deepEqual(await ask(b), ['second']);
    const row = await breaker(b, 'first');
    assert.equal(row?.reason, 'server_error');
    const { out } = await b.command('breaker', 'list');
    assert.match(out, /first +main +open .*server_error/);
    assert.equal((await breaker(b, 'second'))?.state, 'closed');
  });
});

test('what an operator says to one replica holds in the other, and in one that starts later', { skip, timeout: 60000 }, async () => {
  await withReplicas(async (a, b, redis) => {
    const said = await a.command('breaker', 'open', 'second', '--reason', 'maintenance');
    assert.equal(said.code, 0, said.out);
    await eventually('it has reached the other', async () => (await breaker(b, 'second'))?.force === 'open', 1000);
    assert.equal((await breaker(b, 'second'))?.reason, 'maintenance');
    const late = await Weir.start(sim, '', config(redis));
    try {
      await eventually('it has reached the third', async () => (await breaker(late, 'second'))?.force === 'open', 2000);
    } finally {
      assert.equal(await late.stop(), 0);
    }
    await b.command('breaker', 'auto', 'second');
    await eventually('and back', async () => (await breaker(a, 'second'))?.force === 'automatic', 1000);
    assert.deepEqual(await ask(a), ['first', 'second']);
  });
});

test('over TLS the certificate of Redis is checked against redis_ca', { skip, timeout: 60000 }, async () => {
  await withReplicas(async (a, b, redis) => {
    await a.command('breaker', 'open', 'second');
    await eventually('it has reached the other', async () => (await breaker(b, 'second'))?.force === 'open', 1000);
    const stranger = await Weir.start(sim, '', (at, dir) => config(redis)(at, dir).replace(/redis_ca: .*\n/, ''));
    try {
      await eventually('it says why', async () => /"redis_lost".*certificate/.test(stranger.logs()));
      assert.ok(await isAlone(stranger)());
    } finally {
      assert.equal(await stranger.stop(), 0);
    }
    const file = join(a.dir, 'wrong.yaml');
    writeFileSync(file, readFileSync(a.file, 'utf8').replace('/cert.pem', '/none.pem'));
    const { status, stderr } = spawnSync(process.env.WEIR ?? 'build/weir', ['check', '-c', file], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /`redis_ca`: .*none\.pem/);
  }, true);
});

// The right to probe takes an answer of Redis. Where calls are rare it is there before the next one comes.
test('of two replicas one probes, and a rare call is let through at once', { skip, timeout: 60000 }, async () => {
  await withReplicas(
    async (a, b) => {
      for (let i = 0; i < 3; i++) await ask(a);
      await eventually('the other replica knows', async () => (await breaker(b, 'first'))?.state !== 'closed', 1000);
      assert.deepEqual(await ask(a), ['second']);
      await sleep(8000); // longer than it stays open, and then as long as the housekeeping takes
      assert.equal((await breaker(b, 'first'))?.state, 'half_open');
      assert.deepEqual(await ask(b), ['second']);
      assert.deepEqual(await ask(a), ['first', 'second']);
      await eventually('it has opened again for both', async () => (await breaker(b, 'first'))?.state === 'open', 1000);
    },
    false,
    '2s',
  );
});

// Between an unused right and its end lie up to 60 seconds in which nobody else may probe.
test('a replica that stops or is upgraded leaves its right to probe to the other', { skip, timeout: 120000 }, async () => {
  for (const leaves of [async (a: Weir) => assert.equal((await a.upgrade()).code, 0), async (a: Weir) => assert.equal(await a.stop(), 0)]) {
    const redis = await Redis.start();
    const [a, b] = [await Weir.start(sim, '', config(redis, '2s')), await Weir.start(sim, '', config(redis, '2s'))];
    try {
      for (const weir of [a, b]) await eventually('breakers are shared', isShared(weir));
      for (let i = 0; i < 3; i++) await ask(a);
      assert.deepEqual(await ask(a), ['second']); // somebody at a would probe
      await sleep(8000); // so a asks for the right once it is half open, and has it
      assert.deepEqual(await ask(b), ['second']);
      await leaves(a);
      await eventually('the other probes', async () => (await ask(b)).includes('first'), 10000);
    } finally {
      for (const weir of [a, b]) await weir.stop();
      await redis.end();
    }
  }
});

test('across an upgrade what was handed over and what is shared agree', { skip, timeout: 90000 }, async () => {
  await withReplicas(async (a, b) => {
    for (let i = 0; i < 3; i++) await ask(a);
    await eventually('it is open for both', async () => (await breaker(b, 'first'))?.state === 'open', 1000);
    assert.equal((await a.command('breaker', 'open', 'second', '--reason', 'maintenance')).code, 0);
    await eventually('the word has reached the other', async () => (await breaker(b, 'second'))?.force === 'open', 1000);
    assert.equal((await a.upgrade()).code, 0);
    assert.equal((await breaker(a, 'first'))?.state, 'open');
    assert.equal((await breaker(a, 'second'))?.reason, 'maintenance');
    await eventually('the new process shares as well', isShared(a));
    for (const weir of [a, b]) {
      assert.equal((await breaker(weir, 'first'))?.state, 'open');
      assert.equal((await breaker(weir, 'second'))?.force, 'open');
    }
    // The other takes the word back; the next process must not bring it again.
    assert.equal((await b.command('breaker', 'auto', 'second')).code, 0);
    await eventually('the word is taken back', async () => (await breaker(a, 'second'))?.force === 'automatic', 1000);
    assert.equal((await a.upgrade()).code, 0);
    await eventually('the newest process shares as well', isShared(a));
    assert.deepEqual(await ask(a), ['second']);
    await sleep(1000);
    for (const weir of [a, b]) {
      assert.equal((await breaker(weir, 'second'))?.force, 'automatic');
      assert.equal((await breaker(weir, 'first'))?.state, 'open');
    }
    assert.equal((await a.command('breaker', 'close', 'first')).code, 0);
    await eventually('the newest is heard', async () => (await breaker(b, 'first'))?.force === 'closed', 1000);
  });
});

test('replicas share through a Redis Cluster, and through what is left of it', { skip, timeout: 90000 }, async () => {
  await withCluster(async (nodes, line) => {
    const write = (at: Sim, dir: string): string => config(nodes[0])(at, dir).replace(nodes[0].config, line);
    const [a, b] = [await Weir.start(sim, '', write), await Weir.start(sim, '', write)];
    try {
      for (const weir of [a, b]) await eventually('breakers are shared', isShared(weir), 10000);
      assert.equal((await health(a)).body.checks.redis?.state, 'cluster, 3 of 3 servers reached');
      for (let i = 0; i < 3; i++) assert.deepEqual(await ask(a), ['first', 'second']);
      await eventually('the other replica knows', async () => (await breaker(b, 'first'))?.state === 'open', 1000);
      await nodes[1].kill();
      for (const weir of [a, b]) {
        await eventually('it says what is missing', async () => (await health(weir)).body.checks.redis?.state === 'cluster, 2 of 3 servers reached', 10000);
        assert.match(await (await fetch(`${weir.url}/metrics`)).text(), /\nweir_redis_nodes_reached 2\n/);
        assert.deepEqual(await ask(weir), ['second']);
      }
      await nodes[1].run();
      for (const weir of [a, b]) await eventually('it recovers', isShared(weir), 15000);
      assert.equal((await b.command('breaker', 'open', 'second')).code, 0);
      await eventually('it has reached the other', async () => (await breaker(a, 'second'))?.force === 'open', 10000);
      for (const weir of [a, b]) assert.ok(!weir.logs().includes(PASSWORD), 'the log tells the password');
    } finally {
      for (const weir of [a, b]) assert.equal(await weir.stop(), 0, weir.logs().slice(-4000));
    }
  });
});

test('losing Redis degrades and stops no request; what happened meanwhile is shared when it is back', { skip, timeout: 90000 }, async () => {
  await withReplicas(async (a, b, redis) => {
    await redis.kill();
    for (const weir of [a, b]) {
      await eventually('it notices', isAlone(weir), 10000);
      const whole = await health(weir);
      assert.equal(whole.status, 200);
      assert.equal(whole.body.status, 'degraded');
      assert.equal((await health(weir, '/health/ready')).status, 200);
      assert.match(await (await fetch(`${weir.url}/metrics`)).text(), /\nweir_redis_connected 0\n/);
    }
    for (let i = 0; i < 3; i++) assert.deepEqual(await ask(a), ['first', 'second']);
    assert.deepEqual(await ask(a), ['second']);
    assert.deepEqual(await ask(b), ['first', 'second']);
    await redis.run();
    for (const weir of [a, b]) await eventually('it recovers', isShared(weir), 10000);
    await eventually('the other has learnt', async () => (await breaker(b, 'first'))?.state === 'open', 2000);
    assert.deepEqual(await ask(b), ['second']);
    for (const weir of [a, b]) {
      assert.equal(weir.logs().split('"redis_lost"').length - 1, 1, weir.logs());
      assert.equal(weir.logs().split('"redis_connected"').length - 1, 2);
    }
  });
});

test('what one replica has changed is rung for through Redis', { skip, timeout: 60000 }, async () => {
  await withReplicas(async (a, b, redis) => {
    const ear = spawn('redis-cli', ['-p', String(redis.port), '-a', PASSWORD, '--no-auth-warning', 'subscribe', 'weir:events'], { stdio: ['ignore', 'pipe', 'ignore'] });
    let heard = '';
    ear.stdout.on('data', (bytes: Buffer) => (heard += bytes.toString()));
    try {
      await eventually('somebody listens', async () => heard.includes('subscribe'));
      assert.equal((await a.command('reload', '--all')).code, 0);
      await eventually('its number was called', async () => /message\nweir:events\n[1-9]\d*\n/.test(heard), 5000);
    } finally {
      ear.kill();
    }
    for (const weir of [a, b]) assert.ok(await isShared(weir)());
  });
});

test('a Redis that hangs holds no request up', { skip, timeout: 60000 }, async () => {
  await withReplicas(async (a, b, redis) => {
    redis.signal('SIGSTOP');
    for (let i = 0; i < 6; i++) {
      const began = Date.now();
      await ask(i % 2 === 0 ? a : b);
      assert.ok(Date.now() - began < 5000);
      await sleep(50);
    }
    await eventually('it notices', isAlone(a), 10000);
    assert.equal((await health(a, '/health/ready')).status, 200);
    redis.signal('SIGCONT');
    await eventually('it recovers', isShared(a), 10000);
  });
});

test('a replica starts without Redis; a URL that is wrong is refused without telling the password', { skip, timeout: 60000 }, async () => {
  const redis = await Redis.start();
  await redis.kill();
  const weir = await Weir.start(sim, '', config(redis));
  try {
    assert.deepEqual(await ask(weir), ['first', 'second']);
    assert.ok(await isAlone(weir)());
    for (const [url, says] of [
      [`redis+cluster://:${PASSWORD}@h/1`, 'a cluster has no numbered databases'],
      [`redis+sentinel://:${PASSWORD}@h`, 'sentinels are not asked'],
      [`redis://:${PASSWORD}@h:port`, 'must name a host'],
      [`redis://${PASSWORD}@h`, 'a user name without a password'],
    ] as const) {
      const file = join(weir.dir, 'wrong.yaml');
      writeFileSync(file, readFileSync(weir.file, 'utf8').replace(redis.url, url));
      const { status, stderr, stdout } = spawnSync(process.env.WEIR ?? 'build/weir', ['check', '-c', file], { encoding: 'utf8' });
      assert.equal(status, 1);
      assert.ok((stderr + stdout).includes(says), stderr + stdout);
      assert.ok(!(stderr + stdout).includes(PASSWORD), stderr + stdout);
    }
    await redis.run();
    await eventually('it finds Redis', isShared(weir), 10000);
    assert.ok(!weir.logs().includes(PASSWORD));
  } finally {
    assert.equal(await weir.stop(), 0, weir.logs().slice(-4000));
    await redis.end();
  }
});
