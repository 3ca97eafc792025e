// A real mail server for the tests (smtp-server), which keeps what it is given.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SMTPServer } from 'smtp-server';

/** A key and its own certificate for 127.0.0.1, as key.pem and cert.pem. */
export function makeCertificate(dir: string): void {
  const names = ['-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')];
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=mail', '-addext', 'subjectAltName=IP:127.0.0.1', ...names], { stdio: 'ignore' });
}

export interface Mail {
  to: string[];
  from: string;
  secure: boolean;
  user: string;
  text: string;
}

/** Keeps what it is given. */
export class MailServer {
  private constructor(private readonly server: SMTPServer, readonly url: string, readonly mails: Mail[]) {}
  static async start(dir: string, secure: boolean): Promise<MailServer> {
    const mails: Mail[] = [];
    const server = new SMTPServer({
      key: readFileSync(join(dir, 'key.pem')),
      cert: readFileSync(join(dir, 'cert.pem')),
      secure,
      onAuth: (auth, _session, done) => {
        if (auth.username === 'weir' && auth.password === 'mail-secret') done(null, { user: 'weir' });
        else done(new Error('not known here'));
      },
      onData: (stream, session, done) => {
        let text = '';
        stream.on('data', (d: Buffer) => (text += d.toString()));
        stream.on('end', () => {
          const { mailFrom, rcptTo } = session.envelope;
          mails.push({ to: rcptTo.map((r) => r.address), from: mailFrom === false ? '' : mailFrom.address, secure: session.secure, user: session.user ?? '', text });
          done();
        });
      },
    });
    server.on('error', () => undefined); // a client that does not trust the certificate hangs up
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new MailServer(server, `${secure ? 'smtps' : 'smtp'}://127.0.0.1:${server.server.address().port}`, mails);
  }
  /** The link in the next mail; waits for it. */
  async link(count: number): Promise<URL> {
    for (const end = Date.now() + 30000; this.mails.length < count && Date.now() < end; ) await sleep(25);
    assert.equal(this.mails.length, count);
    const body = (this.mails[count - 1]?.text ?? '').replace(/=\r?\n/g, '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
    return new URL(/^(http\S+\?token=\S+)\r?$/m.exec(body)?.[1] ?? assert.fail(body));
  }
  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(resolve));
  }
}
