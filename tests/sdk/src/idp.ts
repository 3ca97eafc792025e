// A real identity provider for the tests: oidc-provider, which is certified, with its own pages for logging in and consent.
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import Provider from 'oidc-provider';

export interface Account {
  email: string;
  verified: boolean;
  groups: string[];
}

/** An identity provider with these accounts, at an address of this machine, and one client. */
export class Idp {
  readonly accounts = new Map<string, Account>();
  private constructor(private server: Server, readonly issuer: string) {}
  static async start(back: string): Promise<Idp> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const idp = new Idp(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const provider = new Provider(idp.issuer, {
      clients: [{ client_id: 'weir', client_secret: 'a-secret&more+%', redirect_uris: [back], post_logout_redirect_uris: [new URL('/bye', back).href] }],
      claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'groups'] },
      cookies: { keys: [randomBytes(16).toString('hex')] },
      pkce: { required: () => true },
      findAccount: (_, id) => {
        const account = idp.accounts.get(id);
        if (account === undefined) return undefined;
        const { email, verified, groups } = account;
        return { accountId: id, claims: () => ({ sub: id, email, email_verified: verified, name: `The ${id}`, groups }) };
      },
    });
    const handle = provider.callback();
    server.on('request', (rq, rs) => void handle(rq, rs));
    return idp;
  }
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.server.close(() => resolve());
      this.server.closeAllConnections();
    });
  }
}
