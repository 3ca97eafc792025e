/** What the tests use of the package `smtp-server`, which brings no types. */
declare module 'smtp-server' {
  import type { Readable } from 'node:stream';
  import type { AddressInfo } from 'node:net';
  interface Auth {
    username?: string;
    password?: string;
  }
  interface Session {
    secure: boolean;
    user?: string;
    envelope: { mailFrom: { address: string } | false; rcptTo: { address: string }[] };
  }
  type Done = (error?: Error | null, value?: { user: string }) => void;
  interface Options {
    key?: Buffer;
    cert?: Buffer;
    secure?: boolean;
    authOptional?: boolean;
    onAuth?: (auth: Auth, session: Session, done: Done) => void;
    onData?: (stream: Readable, session: Session, done: Done) => void;
  }
  export class SMTPServer {
    constructor(options: Options);
    server: { address(): AddressInfo };
    listen(port: number, host: string, listening: () => void): void;
    close(closed: () => void): void;
    on(event: 'error', handler: (error: Error) => void): void;
  }
}
