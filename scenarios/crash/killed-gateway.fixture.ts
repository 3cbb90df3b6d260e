import { spawn, type ChildProcess } from 'node:child_process';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { openCluster } from '@tapgate/gateway/database/cluster';
import { DATABASE_NAME } from '@tapgate/gateway/database/database';
import { findRunningServer } from '@tapgate/gateway/database/postmaster';

const ROOT = path.join(import.meta.dirname, '..', '..');
const START_MAX_MS = 90_000;
const POLL_MS = 50;

/** A gateway as `npm start` starts it, in a process of its own with a database of its own, that may be killed at any moment. */
export class KilledGateway {
  readonly baseUrl: string;
  readonly #dataDir: string;
  readonly #port: number;
  #process: ChildProcess | null = null;
  #said = '';
  /** what it said last, each time that it ended by itself */
  readonly ends: string[] = [];

  private constructor(dataDir: string, port: number) {
    this.#dataDir = dataDir;
    this.#port = port;
    this.baseUrl = `http://127.0.0.1:${port}`;
  }

  static async start(dataDir: string): Promise<KilledGateway> {
    const gateway = new KilledGateway(dataDir, await freePort());
    await gateway.restart();
    return gateway;
  }

  /** Starts it over what the killed one left behind, and waits until it answers. */
  async restart(): Promise<void> {
    this.#spawn();
    await this.ready();
  }

  #spawn(): void {
    this.#said = '';
    const child = spawn(process.execPath, ['--import', 'tsx', path.join('gateway', 'main.ts')], {
      cwd: ROOT,
      env: { ...process.env, DATA_DIR: this.#dataDir, PORT: String(this.#port), DATABASE_URL: undefined },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => {
        this.#said = `${this.#said}${chunk.toString()}`.slice(-4_000);
      });
    this.#process = child;
  }

  /** Waits until gateway and database answer; the database is started again by its gateway. A gateway that has ended is counted. */
  async ready(): Promise<void> {
    const deadlineMs = performance.now() + START_MAX_MS;
    while (performance.now() < deadlineMs) {
      if (this.#process === null || this.#process.exitCode !== null) {
        this.ends.push(this.#said);
        this.#spawn();
      }
      const isUp = await fetch(`${this.baseUrl}/health`).then(
        (response) => response.ok,
        () => false,
      );
      if (isUp) return;
      await setTimeout(POLL_MS);
    }
    throw new Error(`the gateway does not answer; it said: ${this.#said}`);
  }

  async killGateway(): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** It holds its connections and answers nobody, as behind a network that has gone silent. */
  pause(): void {
    this.#process?.kill('SIGSTOP');
  }

  resume(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Kills the server and not its sessions: they find out by themselves, as after any crash. */
  killPostgres(): void {
    process.kill(this.#postmaster().pid, 'SIGKILL');
  }

  get databaseUrl(): string {
    const { password } = openCluster(this.#dataDir);
    return `postgres://tapgate:${password}@127.0.0.1:${this.#postmaster().port}/${DATABASE_NAME}`;
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  #postmaster(): { readonly pid: number; readonly port: number } {
    const server = findRunningServer(openCluster(this.#dataDir).home.data);
    if (server === null) throw new Error('the database does not run');
    return server;
  }
}

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error('no port'));
      });
    });
  });
}
