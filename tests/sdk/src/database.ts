// A PostgreSQL server of the tests' own: tests/support/postgres_server does the work and is told what to do line by line.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';

const program = process.env.WEIR_POSTGRES ?? 'build/release/tests/support/postgres_server';

export class Database {
  private lines: AsyncIterator<string>;
  private constructor(private child: ChildProcessWithoutNullStreams, private reader: Interface, readonly missing: string | false, readonly url: string) {
    this.lines = reader[Symbol.asyncIterator]();
  }
  /** A server with one empty database at `url`; or `missing` says why there is none on this machine. */
  static async start(): Promise<Database> {
    if (!existsSync(program)) throw new Error(`${program} is not built`);
    const child = spawn(program, [], { stdio: 'pipe' });
    let errors = '';
    child.stderr.on('data', (d: Buffer) => (errors += d.toString()));
    const reader = createInterface({ input: child.stdout });
    const first = await new Promise<string>((resolve) => {
      reader.once('line', resolve);
      reader.once('close', () => resolve(''));
    });
    const url = first.startsWith('postgres://') ? first : '';
    if (!first) throw new Error(`no PostgreSQL server: ${errors}`);
    return new Database(child, reader, url === '' && first, url);
  }
  private async tell(word: string): Promise<void> {
    this.child.stdin.write(`${word}\n`);
    const { value } = (await this.lines.next()) as { value?: string };
    if (value !== 'done') throw new Error(`${word}: ${String(value)}`);
  }
  /** SIGKILL to every process of the server. */
  kill(): Promise<void> {
    return this.tell('kill');
  }
  restart(): Promise<void> {
    return this.tell('restart');
  }
  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.child.once('exit', resolve));
    if (this.child.exitCode !== null) return;
    this.child.stdin.end();
    await ended;
    this.reader.close();
  }
}
