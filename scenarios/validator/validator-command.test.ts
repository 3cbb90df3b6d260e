import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = path.join(import.meta.dirname, '../..');
const COMMAND = path.join(import.meta.dirname, 'validator-command.ts');
const MAIN = path.join(ROOT, 'gateway/main.ts');
const NOBODY = 'http://127.0.0.1:1';

type Line = Readonly<Record<string, unknown>> & { readonly event: string };
type Ended = { readonly code: number | null; readonly lines: readonly Line[]; readonly err: string };

let dataDir = '';
let port = 0;
let gateway: ChildProcess;

function start(file: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DATA_DIR: dataDir, PORT: String(port), NODE_TEST_CONTEXT: undefined },
  });
}

async function endOf(child: ChildProcess): Promise<Ended> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  const lines = out
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);
  return { code, lines, err };
}

const runGate = (...args: string[]): Promise<Ended> => endOf(start(COMMAND, ['--json', ...args]));
const lastOf = ({ lines }: Ended, event: string): Line | undefined =>
  lines.findLast((line) => line.event === event);

describe('npm run validator', () => {
  before(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'tapgate-validator-'));
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const address = probe.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
    probe.close();
    gateway = start(MAIN, []);
    gateway.stdout?.resume();
    gateway.stderr?.resume();
    const isUp = async (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await isUp())) {
      assert.equal(gateway.exitCode, null, 'the gateway did not start');
      await sleep(100);
    }
  });
  after(async () => {
    const ended = once(gateway, 'exit');
    gateway.kill('SIGTERM');
    await ended;
    await rm(dataDir, { recursive: true, force: true });
  });

  test('riders are served, told, and their taps are accepted; a tunnel in between loses none', async () => {
    const stream = ['--simulate', '--between', '1'];
    const first = await runGate(...stream, '--seed', 'first', '--taps', '4');
    assert.equal(first.code, 0, first.err);
    assert.deepEqual(lastOf(first, 'end'), {
      ...{ event: 'end', taps: 4, opened: 4, accepted: 4, refused: 0, faults: 0, waiting: 0 },
    });
    assert.deepEqual(
      first.lines.flatMap(({ event, tapSequence }) => (event === 'tap' ? [tapSequence] : [])),
      [1, 2, 3, 4],
    );
    assert.ok(first.lines.some(({ event, show }) => event === 'show' && String(show).includes('请通行')));

    const tunnel = await runGate(...stream, '--seed', 'tunnel', '--taps', '3', '--gateway', NOBODY);
    assert.equal(tunnel.code, 0, tunnel.err);
    assert.equal(lastOf(tunnel, 'forward')?.['stoppedBy'], 'gateway_unreachable');
    assert.equal(lastOf(tunnel, 'end')?.['waiting'], 3);

    const again = await runGate(...stream, '--seed', 'again', '--taps', '1');
    assert.deepEqual(
      [lastOf(again, 'end')?.['accepted'], lastOf(again, 'end')?.['waiting']],
      [4, 0],
      again.err,
    );
  });

  test('a signal stops it gracefully: nothing is lost, and the barrier is shut', async () => {
    const child = start(COMMAND, ['--json', '--simulate', '--between', '1', '--seed', 'signal']);
    const ending = endOf(child);
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('"event":"tap"')) child.kill('SIGTERM');
    });
    const ended = await ending;
    assert.equal(ended.code, 0, ended.err);
    const end = lastOf(ended, 'end');
    assert.ok(end !== undefined && end['accepted'] === end['taps'] && end['waiting'] === 0);
    assert.match(String(lastOf(ended, 'show')?.['show']), /^shut/);
  });

  test('a command that makes no sense ends with 2; without a keystore it says what to do', async () => {
    for (const args of [
      ['--reader', 'magnet'],
      ['--gate', 'door'],
      ['--reader', 'pcsc', '--simulate'],
      ['--board', '1209'],
      ['--terminal', 'NOBODY01'],
    ]) {
      const { code, err } = await runGate(...args);
      assert.equal(code, 2, args.join(' '));
      assert.match(err, /--help/);
    }
  });
});
