import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { operatorToken } from '@tapgate/gateway/keys/demo-credentials';
import { openKeystore } from '@tapgate/gateway/keys/open-keystore';
import { loadDemoData } from '@tapgate/gateway/operators/demo-reference';
import { City, type CityCard } from '../city/city.ts';
import { OperatorDesk } from '../city/operator-desk.ts';

const ROOT = path.join(import.meta.dirname, '../..');
const COMMAND = path.join(import.meta.dirname, 'validator-command.ts');
const MAIN = path.join(ROOT, 'gateway/main.ts');
const TERMINALS = path.join(ROOT, 'gateway/terminals/terminals-command.ts');
const NOBODY = 'http://127.0.0.1:1';
const TERMINAL = 'TRIAL001';

type Line = Readonly<Record<string, unknown>> & { readonly event: string };
type Ended = {
  readonly code: number | null;
  readonly lines: readonly Line[];
  readonly out: string;
  readonly err: string;
};

let dataDir = '';
let port = 0;
let gateway: ChildProcess;
let city: City;
let desk: OperatorDesk;

function start(file: string, args: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, DATA_DIR: dataDir, PORT: String(port), NODE_TEST_CONTEXT: undefined },
  });
}

const linesOf = (out: string): Line[] =>
  out
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Line);

async function endOf(child: ChildProcess): Promise<Ended> {
  let [out, err] = ['', ''];
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, lines: linesOf(out), out, err };
}

const runGate = (...args: string[]): Promise<Ended> => endOf(start(COMMAND, ['--json', ...args]));
const lastOf = ({ lines }: Ended, event: string): Partial<Line> =>
  lines.findLast((line) => line.event === event) ?? {};
const services = ({ lines }: Ended): unknown[] =>
  lines.flatMap(({ event, service }) => (event === 'service' ? [service] : []));

/** The most that a process has had resident so far; null where the system does not say. */
function peakMemoryMb(processId: number | undefined): number | null {
  if (processId === undefined || process.platform !== 'linux') return null;
  const [, kilobytes] =
    /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${processId}/status`, 'latin1')) ?? [];
  return kilobytes === undefined ? null : Number(kilobytes) / 1_000;
}

async function newCode(...args: string[]): Promise<string> {
  const { code, out, err } = await endOf(start(TERMINALS, ['code', ...args]));
  assert.equal(code, 0, err);
  return out.trim();
}

/** The card that the program's own riders have for that number of a seed. */
function cardOf(seed: string, number: number): CityCard {
  const { banks } = loadDemoData();
  return city.card({ bankId: banks[number % banks.length]?.bankId ?? '', seed: `${seed}/${number}` });
}

describe('npm run validator', { timeout: 240_000 }, () => {
  before(async () => {
    dataDir = await mkdtemp(path.join(tmpdir(), 'tapgate-validator-'));
    const probe = createServer().listen(0, '127.0.0.1');
    await once(probe, 'listening');
    const address = probe.address();
    port = typeof address === 'object' && address !== null ? address.port : 0;
    probe.close();
    await startGateway();
    const keystore = openKeystore({ dataDir, keystorePassphrase: null })?.keystore;
    assert.ok(keystore);
    city = new City({
      ...{
        data: loadDemoData(),
        keystore,
        nowMs: Date.now(),
        baseUrl: '',
        journalsFolder: '',
        ruleSetVersion: '',
      },
      random: (count) => Buffer.alloc(count),
    });
    desk = new OperatorDesk({
      baseUrl: `http://127.0.0.1:${port}`,
      token: operatorToken(keystore),
      nowMs: Date.now,
    });
  });
  after(async () => {
    await stopGateway();
    await rm(dataDir, { recursive: true, force: true });
  });

  async function startGateway(): Promise<void> {
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
  }

  async function stopGateway(): Promise<void> {
    const ended = once(gateway, 'exit');
    gateway.kill('SIGTERM');
    await ended;
  }

  test('a device that is not enrolled says how to become one; a wrong code makes it none', async () => {
    const { code, lines } = await runGate();
    assert.deepEqual([code, lines.map(({ event }) => event)], [4, ['not_enrolled']]);
    const { out } = await endOf(start(COMMAND, []));
    assert.match(out, /npm run validator -- --simulate --enrol "\$\(.*npm run -s terminals -- code\)"/);
    assert.match(out, /尚未注册/);
    const wrong = await runGate('--enrol', `${TERMINAL}:0000-0000-0000-0000`);
    assert.equal(wrong.code, 1);
    assert.match(wrong.err, /^enrolment_refused/);
    assert.equal((await runGate()).code, 4);
  });

  test('it enrols, takes its lists, and serves: nobody before it has authority keys', async () => {
    await desk.enrolSenior(cardOf('known', 1), '1950-01-01');
    assert.equal(await desk.publishHotlist([cardOf('known', 2)]), 2, 'after the list of nobody');
    const code = await newCode();
    const ended = await runGate(
      '--simulate',
      '--between',
      '1',
      '--seed',
      'first',
      '--taps',
      '2',
      '--enrol',
      code,
    );
    assert.equal(ended.code, 0, ended.err);
    assert.deepEqual(services(ended), ['no_ca_keys', 'in_service']);
    const lists = ended.lines.find(({ event }) => event === 'sync')?.['lists'];
    assert.deepEqual(Object.keys(lists as object).sort(), [
      'ca_keys',
      'concessions',
      'gate_parameters',
      'hotlist',
    ]);
    assert.ok(ended.lines.some(({ event, show }) => event === 'show' && String(show).includes('请通行')));
    const { taps, accepted, waiting } = lastOf(ended, 'end');
    assert.deepEqual([accepted, waiting], [taps, 0]);
  });

  test('a card is judged and greeted by the lists that the gate holds', async () => {
    const ended = await runGate('--simulate', '--between', '1', '--seed', 'known', '--taps', '2');
    const told = ended.lines.flatMap(({ event, tapSequence, signal, refusal }) =>
      event === 'tap' ? [[tapSequence, signal, refusal]] : [],
    );
    assert.deepEqual(
      told.slice(0, 2).map(([, ...how]) => how),
      [
        ['senior', null],
        ['see_staff', 'hotlisted'],
      ],
    );
    assert.ok(ended.lines.some(({ event, show }) => event === 'show' && String(show).includes('老年人')));
    assert.equal(lastOf(ended, 'end')['waiting'], 0);
  });

  test('without a gateway it starts and decides alone; when one is back everything is brought home in order', async () => {
    const tunnel = await runGate(
      '--simulate',
      '--between',
      '1',
      '--seed',
      'tunnel',
      '--taps',
      '3',
      '--gateway',
      NOBODY,
    );
    assert.equal(tunnel.code, 0, tunnel.err);
    assert.deepEqual(services(tunnel), ['in_service']);
    assert.equal(lastOf(tunnel, 'forward')['stoppedBy'], 'gateway_unreachable');
    const { taps: alone } = lastOf(tunnel, 'end');
    assert.equal(lastOf(tunnel, 'end')['waiting'], alone);
    const again = await runGate('--simulate', '--between', '1', '--seed', 'again', '--taps', '1');
    const { taps, accepted, waiting } = lastOf(again, 'end');
    assert.deepEqual([accepted, waiting], [Number(alone) + Number(taps), 0], again.err);
    const first = tunnel.lines.find(({ event }) => event === 'tap')?.['tapSequence'];
    const brought = await desk.settledTap(TERMINAL, Number(first));
    assert.equal(brought.tap.ruleSetVersion, 'parameters-1');
  });

  test('a signal stops it gracefully: nothing is lost, and the barrier is shut', async () => {
    const peaksMb: (number | null)[] = [];
    const child = start(COMMAND, ['--json', '--simulate', '--between', '1', '--seed', 'signal']);
    const ending = endOf(child);
    child.stdout?.on('data', (chunk: Buffer) => {
      if (!chunk.toString().includes('"event":"tap"')) return;
      peaksMb.push(peakMemoryMb(child.pid));
      child.kill('SIGTERM');
    });
    const ended = await ending;
    // The bound of a terminal, with its virtual riders and the start of everything in it.
    const [peakMb = null] = peaksMb;
    if (process.platform === 'linux') assert.ok(peakMb !== null && peakMb <= 200, `${peakMb ?? 'no'} MB`);
    assert.equal(ended.code, 0, ended.err);
    const end = lastOf(ended, 'end');
    assert.ok(end['accepted'] === end['taps'] && end['waiting'] === 0);
    assert.match(String(lastOf(ended, 'show')['show']), /^shut/);
  });

  test('a revoked terminal goes out of service and keeps what it has; a new code brings both back', async () => {
    const before = await runGate(
      '--simulate',
      '--between',
      '1',
      '--seed',
      'before',
      '--taps',
      '2',
      '--gateway',
      NOBODY,
    );
    const kept = lastOf(before, 'end')['waiting'];
    assert.equal((await endOf(start(TERMINALS, ['revoke', TERMINAL]))).code, 0);
    const gate = start(COMMAND, ['--json']);
    const ending = endOf(gate);
    gate.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('"service":"revoked"')) gate.kill('SIGTERM');
    });
    const revoked = await ending;
    assert.deepEqual(services(revoked), ['in_service', 'revoked']);
    assert.equal(lastOf(revoked, 'fault')['code'], 'terminal_revoked');
    assert.deepEqual([lastOf(revoked, 'end')['waiting'], lastOf(revoked, 'end')['refused']], [kept, 0]);

    const again = start(COMMAND, ['--json', '--gateway', NOBODY]);
    const endingAgain = endOf(again);
    again.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('"service":')) again.kill('SIGTERM');
    });
    const restarted = await endingAgain;
    assert.deepEqual(services(restarted), ['revoked'], 'it knows without a network');
    assert.deepEqual([restarted.code, lastOf(restarted, 'end')['waiting']], [0, kept]);

    const code = await newCode(TERMINAL);
    const back = await runGate(
      '--simulate',
      '--between',
      '1',
      '--seed',
      'back',
      '--taps',
      '1',
      '--enrol',
      code,
    );
    const { taps, accepted, waiting } = lastOf(back, 'end');
    assert.deepEqual([accepted, waiting], [Number(kept) + Number(taps), 0], back.err);
    const { code: exit, out } = await endOf(start(TERMINALS, ['list']));
    assert.equal(exit, 0);
    assert.match(
      out,
      new RegExp(`^${TERMINAL} +.*Z +\\d+ +-?\\d+ +[1-9]`, 'm'),
      'its faults are in the list',
    );
  });

  test('one folder is one device, held by one process', async () => {
    const first = start(COMMAND, ['--json']);
    const ending = endOf(first);
    await Promise.race([
      ending,
      new Promise<void>((resolve) => {
        first.stdout?.on('data', (chunk: Buffer) => {
          if (chunk.toString().includes('"event":"start"')) resolve();
        });
      }),
    ]);
    const second = await runGate();
    assert.equal(second.code, 1);
    assert.match(second.err, /^journal_not_opened: another process/);
    first.kill('SIGTERM');
    assert.equal((await ending).code, 0);
    const other = await runGate('--enrol', 'OTHER001:0000-0000-0000-0000');
    assert.equal(other.code, 2);
    assert.match(other.err, /this device is TRIAL001/);
  });

  test('a command that makes no sense ends with 2', async () => {
    for (const args of [
      ['--reader', 'magnet'],
      ['--gate', 'door'],
      ['--reader', 'pcsc', '--simulate'],
      ['--board', '1209'],
      ['--enrol', '0000-0000-0000-0000'],
    ]) {
      const { code, err } = await runGate(...args);
      assert.equal(code, 2, args.join(' '));
      assert.match(err, /--help/);
    }
  });
});
