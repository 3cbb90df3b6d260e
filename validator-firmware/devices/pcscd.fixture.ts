import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { VirtualCard } from '../virtual-cards/virtual-card.ts';
import { VpcdCard } from '../virtual-cards/vpcd-card.ts';

const PCSCD = '/usr/sbin/pcscd';
const VPCD_DRIVER = '/usr/lib/pcsc/drivers/serial/libifdvpcd.so';
const START_WAIT_MS = 10_000;
/** Name in the configuration; pcscd adds an index and the slot. */
const FRIENDLY_NAME = 'TapGate Test';

/**
 * A pcscd of the test's own, with one vpcd reader of two slots. The daemon's socket and pid file are compiled in as /run/pcscd;
 * so it runs in a mount namespace of its own where that is a folder of ours, and a daemon of the machine is not touched.
 */
export class TestPcscd {
  readonly readers = [`${FRIENDLY_NAME} 00 00`, `${FRIENDLY_NAME} 00 01`] as const;
  readonly socketPath: string;
  readonly #folder: string;
  readonly #port: number;
  #daemon: ChildProcess | null = null;
  readonly #cards = new Map<string, VpcdCard>();

  private constructor(folder: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.socketPath = path.join(folder, 'run', 'pcscd.comm');
  }

  static async start(): Promise<TestPcscd> {
    const folder = await mkdtemp(path.join(tmpdir(), 'tapgate-pcscd-'));
    await mkdir(path.join(folder, 'run'));
    await mkdir(path.join(folder, 'readers'));
    const port = await freePortPair();
    const channel = `0x${port.toString(16)}`;
    await writeFile(
      path.join(folder, 'readers', 'vpcd'),
      `FRIENDLYNAME "${FRIENDLY_NAME}"\nDEVICENAME /dev/null:${channel}\nLIBPATH ${VPCD_DRIVER}\nCHANNELID ${channel}\n`,
    );
    const pcscd = new TestPcscd(folder, port);
    await pcscd.startDaemon();
    return pcscd;
  }

  async startDaemon(): Promise<void> {
    const script =
      'mount -t tmpfs none /run && mkdir /run/pcscd && mount --bind "$1/run" /run/pcscd && exec "$2" --foreground --config "$1/readers"';
    const mapRoot = process.getuid?.() === 0 ? [] : ['--map-root-user'];
    const daemon = spawn(
      'unshare',
      [...mapRoot, '--mount', 'sh', '-c', script, 'pcscd', this.#folder, PCSCD],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.#daemon = daemon;
    let said = '';
    daemon.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
    const deadline = performance.now() + START_WAIT_MS;
    while (!(await answers(this.socketPath))) {
      if (daemon.exitCode !== null || performance.now() > deadline)
        throw new Error(`pcscd did not start: ${said}`);
      await sleep(50);
    }
  }

  async stopDaemon(): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = null;
    if (daemon === null || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const exited = once(daemon, 'exit');
    daemon.kill('SIGTERM');
    const timer = setTimeout(() => daemon.kill('SIGKILL'), 3_000);
    await exited;
    clearTimeout(timer);
  }

  async insert(reader: string, card: VirtualCard): Promise<void> {
    const slot = reader === this.readers[0] ? 0 : 1;
    this.#cards.set(reader, await VpcdCard.insert(card, this.#port + slot));
  }

  async remove(reader: string): Promise<void> {
    await this.#cards.get(reader)?.remove();
    this.#cards.delete(reader);
  }

  async destroy(): Promise<void> {
    for (const reader of this.readers) await this.remove(reader);
    await this.stopDaemon();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function answers(socketPath: string): Promise<boolean> {
  if (!existsSync(socketPath)) return false;
  const socket = connect(socketPath);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** vpcd listens for its second slot one port above the first. */
async function freePortPair(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const port = await listenOnce(0);
    if (port !== null && port < 65_535 && (await listenOnce(port + 1)) !== null) return port;
  }
  throw new Error('no two free ports beside each other');
}

async function listenOnce(port: number): Promise<number | null> {
  const server = createServer();
  try {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : null;
  } catch {
    return null;
  } finally {
    server.close();
  }
}
