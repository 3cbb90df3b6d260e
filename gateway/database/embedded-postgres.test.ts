import assert from 'node:assert/strict';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import postgres from 'postgres';
import { missing } from '../../test-requirements.ts';
import { startDatabase, type RunningDatabase } from './database.ts';
import { findRunningServer, holderOf } from './postmaster.ts';
import { homeAt, isWalkable, readHomeRecord } from './server-home.ts';

// Real servers in fresh temporary folders. A gateway that is killed is a process of its own, killed by its pid.

const scratch = mkdtempSync(path.join(tmpdir(), 'tapgate-database-'));
after(() => {
  rmSync(scratch, { recursive: true });
});

let folders = 0;
function newDataDir(): string {
  folders += 1;
  return path.join(scratch, `data-${folders}`);
}

const start = (dataDir: string, onEvent?: (line: string) => void): Promise<RunningDatabase> =>
  startDatabase({ dataDir, databaseUrl: null }, onEvent);

async function query(url: string, text: string): Promise<string> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    const rows = await sql.unsafe(text).values();
    return String(rows[0]?.[0] ?? '');
  } finally {
    await sql.end();
  }
}

const homeOf = (dataDir: string): ReturnType<typeof homeAt> =>
  homeAt(dataDir, readHomeRecord(dataDir)?.home ?? 'none');

function serverPid(dataDir: string): number {
  const running = findRunningServer(homeOf(dataDir).data);
  assert.ok(running, 'a server runs');
  return running.pid;
}

/** A gateway-like process that starts the database of a DATA_DIR and then waits to be killed. */
async function startHolder(dataDir: string): Promise<{ process: ChildProcess; url: string }> {
  const program = `
    const { startDatabase } = await import(${JSON.stringify(path.join(import.meta.dirname, 'database.ts'))});
    const database = await startDatabase({ dataDir: ${JSON.stringify(dataDir)}, databaseUrl: null });
    setInterval(() => undefined, 1000);
    process.on('SIGUSR2', () => process.exit(7));
    process.stdout.write(database.url + '\\n');`;
  const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    cwd: path.join(import.meta.dirname, '..', '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(holder.stdout, 'data')) as [Buffer];
  return { process: holder, url: line.toString('utf8').trim() };
}

/** The shell that would stop the server after the holder's end, killed too: as when a whole container is. */
function killWatch(dataDir: string): void {
  process.kill(Number(readFileSync(path.join(homeOf(dataDir).folder, 'watch.pid'), 'utf8')), 'SIGKILL');
}

async function untilGone(pid: number, data: string): Promise<void> {
  for (let waited = 0; waited < 20_000 && holderOf(pid, data) === 'ours'; waited += 50) await delay(50);
  assert.equal(holderOf(pid, data), 'gone');
}

async function kill(holder: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(holder, 'exit');
  holder.kill(signal);
  await ended;
}

test('a first start makes a durable database that only this machine and its password reach', async () => {
  const dataDir = newDataDir();
  const database = await start(dataDir);
  try {
    const settings = [
      'fsync',
      'synchronous_commit',
      'full_page_writes',
      'listen_addresses',
      'server_encoding',
    ];
    const values = await Promise.all(settings.map((name) => query(database.url, `show ${name}`)));
    assert.deepEqual(values, ['on', 'on', 'on', '127.0.0.1', 'UTF8']);
    assert.equal(
      await query(database.url, 'select datcollate from pg_database where datname = current_database()'),
      'C',
    );

    const wrong = new URL(database.url);
    wrong.password = 'wrong';
    await assert.rejects(query(wrong.href, 'select 1'), { code: '28P01' });

    const elsewhere = Object.values(networkInterfaces())
      .flat()
      .find((address) => address?.family === 'IPv4' && !address.internal);
    if (elsewhere) {
      const outside = new URL(database.url);
      outside.hostname = elsewhere.address;
      await assert.rejects(query(outside.href, 'select 1'), { code: 'ECONNREFUSED' });
    }

    const { data } = homeOf(dataDir);
    assert.equal(statSync(data).mode & 0o777, 0o700);
    assert.notEqual(statSync(data).uid, 0, 'PostgreSQL never runs as root');
    for (const secret of ['pgpass', 'database.json']) {
      assert.equal(statSync(path.join(dataDir, secret)).mode & 0o777, 0o600, secret);
    }
  } finally {
    await database.destroy();
  }
});

test('a second start finds what the first one wrote, and databases beside it', async () => {
  const dataDir = newDataDir();
  const first = await start(dataDir);
  const other = await first.createDatabase('other');
  await query(first.url, 'create table fare (fen integer)');
  await query(first.url, 'insert into fare values (200)');
  await query(other, 'create table only_here (n integer)');
  const pid = serverPid(dataDir);
  await first.stop();
  assert.equal(holderOf(pid, homeOf(dataDir).data), 'gone');

  const second = await start(dataDir);
  try {
    assert.equal(second.url, first.url);
    assert.equal(await query(second.url, 'select sum(fen) from fare'), '200');
    assert.equal(await second.createDatabase('other'), other);
    assert.equal(await query(other, 'select count(*) from only_here'), '0');
    await second.dropDatabase('other');
    await assert.rejects(query(other, 'select 1'), { code: '3D000' });
    await assert.rejects(second.createDatabase('x"; drop table fare; --'), RangeError);
  } finally {
    await second.destroy();
  }
});

test('when its port is taken it listens on another, and says which', async () => {
  const dataDir = newDataDir();
  const first = await start(dataDir);
  await first.stop();
  const port = Number(new URL(first.url).port);
  const stranger = createServer().listen(port, '127.0.0.1');
  await once(stranger, 'listening');
  try {
    const second = await start(dataDir);
    try {
      assert.notEqual(Number(new URL(second.url).port), port);
      assert.ok(second.describe()[0]?.includes(new URL(second.url).host));
      assert.equal(await query(second.url, 'select 1'), '1');
    } finally {
      await second.destroy();
    }
  } finally {
    stranger.close();
  }
});

test('servers of several folders run side by side', async () => {
  const databases = await Promise.all([start(newDataDir()), start(newDataDir()), start(newDataDir())]);
  assert.equal(new Set(databases.map(({ url }) => new URL(url).port)).size, 3);
  await Promise.all(databases.map((database) => database.destroy()));
});

test('a gateway that starts while its killed predecessor’s server still runs takes that server over', async () => {
  const dataDir = newDataDir();
  const holder = await startHolder(dataDir);
  const pid = serverPid(dataDir);
  await query(holder.url, 'create table kept (n integer)');
  killWatch(dataDir);
  await kill(holder.process, 'SIGKILL');
  assert.equal(serverPid(dataDir), pid, 'nobody told the server to stop');

  const database = await start(dataDir);
  assert.equal(serverPid(dataDir), pid);
  assert.ok(database.describe()[0]?.includes('taken over'));
  assert.equal(await query(database.url, 'select count(*) from kept'), '0');
  await database.stop();
  assert.equal(holderOf(pid, homeOf(dataDir).data), 'gone', 'an adopted server stops with the gateway');

  const again = await start(dataDir);
  await again.destroy();
});

test('a gateway that is killed takes its server along, and one that starts at the same moment is not led astray', async () => {
  const dataDir = newDataDir();
  const holder = await startHolder(dataDir);
  const pid = serverPid(dataDir);
  await kill(holder.process, 'SIGKILL');
  await untilGone(pid, homeOf(dataDir).data);

  const again = await startHolder(dataDir);
  const killed = kill(again.process, 'SIGKILL');
  const database = await start(dataDir);
  await killed;
  const kept = serverPid(dataDir);
  await delay(1_500);
  assert.equal(serverPid(dataDir), kept, 'the server that was found or started stays');
  await database.destroy();
});

test('a gateway that ends without stopping its server takes it along', async () => {
  const dataDir = newDataDir();
  const holder = await startHolder(dataDir);
  const pid = serverPid(dataDir);
  await kill(holder.process, 'SIGUSR2');
  assert.equal(holder.process.exitCode, 7, 'it ended by itself');
  await untilGone(pid, homeOf(dataDir).data);
  await (await start(dataDir)).destroy();
});

test('after kill -9 of gateway and server the stale lock is no obstacle, and what was committed is there', async () => {
  const dataDir = newDataDir();
  const holder = await startHolder(dataDir);
  await query(holder.url, 'create table kept as select 1 as n');
  const pid = serverPid(dataDir);
  killWatch(dataDir);
  await kill(holder.process, 'SIGKILL');
  process.kill(pid, 'SIGKILL');
  assert.ok(existsSync(path.join(homeOf(dataDir).data, 'postmaster.pid')), 'the lock is left behind');

  const database = await start(dataDir);
  assert.equal(await query(database.url, 'select n from kept'), '1');
  await database.destroy();
});

test('a stale lock whose pid now belongs to another process of the same user is no obstacle', async () => {
  const dataDir = newDataDir();
  const database = await start(dataDir);
  await database.stop();
  const { data } = homeOf(dataDir);
  const owner = statSync(data);
  const asOwner = process.getuid?.() === 0 ? { uid: owner.uid, gid: owner.gid } : {};
  const stranger = spawn('sleep', ['60'], { ...asOwner, stdio: 'ignore', cwd: '/' });
  try {
    await once(stranger, 'spawn');
    const lock = path.join(data, 'postmaster.pid');
    writeFileSync(lock, `${stranger.pid ?? 0}\n${data}\n1700000000\n54329\n\n127.0.0.1\n  1   2\nready   \n`);
    const again = await start(dataDir);
    assert.equal(stranger.exitCode, null, 'the stranger is left alone');
    await again.destroy();
  } finally {
    stranger.kill();
  }
});

test('a second gateway on the same folder is refused and leaves the first one alone', async () => {
  const dataDir = newDataDir();
  const first = await start(dataDir);
  try {
    await assert.rejects(start(dataDir), { name: 'StartFault', code: 'data_dir_in_use' });
    assert.equal(await query(first.url, 'select 1'), '1');
  } finally {
    await first.destroy();
  }
});

test('of two gateways that start at once in a fresh folder one gets the database, the other a reason', async () => {
  const dataDir = newDataDir();
  const [one, two] = await Promise.allSettled([startHolderOrFail(dataDir), startHolderOrFail(dataDir)]);
  const winners = [one, two].filter((result) => result.status === 'fulfilled' && result.value.url !== null);
  const losers = [one, two].filter((result) => result.status === 'fulfilled' && result.value.url === null);
  assert.equal(winners.length, 1);
  assert.equal(losers.length, 1);
  for (const result of [one, two]) {
    if (result.status !== 'fulfilled') continue;
    if (result.value.url === null) assert.match(result.value.said, /data_dir_in_use/);
    else await kill(result.value.process, 'SIGTERM');
  }
  await (await start(dataDir)).destroy();
});

async function startHolderOrFail(
  dataDir: string,
): Promise<{ process: ChildProcess; url: string | null; said: string }> {
  const program = `
    const { startDatabase } = await import(${JSON.stringify(path.join(import.meta.dirname, 'database.ts'))});
    try {
      const database = await startDatabase({ dataDir: ${JSON.stringify(dataDir)}, databaseUrl: null });
      process.stdout.write('url ' + database.url);
      setInterval(() => undefined, 1000);
    } catch (error) {
      process.stdout.write(error.code + ' ' + error.message);
    }`;
  const holder = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', program], {
    cwd: path.join(import.meta.dirname, '..', '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = (await once(holder.stdout, 'data')) as [Buffer];
  const said = chunk.toString('utf8');
  return { process: holder, url: said.startsWith('url ') ? said.slice(4) : null, said };
}

test('a server that dies is started again under the same address', async () => {
  const dataDir = newDataDir();
  const events: string[] = [];
  const database = await start(dataDir, (line) => events.push(line));
  try {
    await query(database.url, 'create table kept as select 1 as n');
    const pid = serverPid(dataDir);
    process.kill(pid, 'SIGKILL');
    let answer = '';
    for (let waited = 0; waited < 20_000 && answer === ''; waited += 100) {
      answer = await query(database.url, 'select n from kept').catch(() => '');
      await delay(100);
    }
    assert.equal(answer, '1');
    assert.notEqual(serverPid(dataDir), pid);
    assert.ok(events.some((line) => line.includes('started again')));
    assert.match(await database.createDatabase('after_restart'), /after_restart$/);
  } finally {
    await database.destroy();
  }
});

test('a server that dies again and again while it is taken back ends nobody, and answers in the end', async () => {
  const dataDir = newDataDir();
  const database = await start(dataDir);
  try {
    await query(database.url, 'create table kept as select 1 as n');
    const killed = new Set<number>();
    // Around the moment at which it is ready: before, while and after a session is opened and claims it.
    for (const afterMs of [0, 10, 20, 30]) {
      const pid = await readyServer(dataDir, killed);
      await delay(afterMs);
      process.kill(pid, 'SIGKILL');
      killed.add(pid);
    }
    let answer = '';
    for (let waited = 0; waited < 120_000 && answer === ''; waited += 100) {
      answer = await query(database.url, 'select n from kept').catch(() => '');
      await delay(100);
    }
    assert.equal(answer, '1');
  } finally {
    await database.destroy();
  }
});

async function readyServer(dataDir: string, known: ReadonlySet<number>): Promise<number> {
  for (let waited = 0; waited < 120_000; waited += 2) {
    const running = findRunningServer(homeOf(dataDir).data);
    if (running?.status === 'ready' && !known.has(running.pid)) return running.pid;
    await delay(2);
  }
  throw new Error('no server was started');
}

test('a first start that was killed half-way is done again', async () => {
  const dataDir = newDataDir();
  const database = await start(dataDir);
  await database.stop();
  const { folder, data } = homeOf(dataDir);
  // What a kill between initdb and the rename leaves: a cluster under a temporary name, and a record that says so.
  renameSync(data, path.join(folder, 'initdb-00000000'));
  writeFileSync(
    path.join(dataDir, 'database.json'),
    JSON.stringify({ ...readHomeRecord(dataDir), initialised: false }),
  );
  const again = await start(dataDir);
  assert.equal(await query(again.url, 'select 1'), '1');
  await again.destroy();
  assert.ok(!existsSync(folder));
});

test('a lost password, a lost database and a folder that cannot be used are said in one line each', async () => {
  const dataDir = newDataDir();
  const database = await start(dataDir);
  await database.stop();
  const passFile = path.join(dataDir, 'pgpass');
  const kept = readFileSync(passFile, 'utf8');

  rmSync(passFile);
  await assert.rejects(start(dataDir), { code: 'database_locked_out' });
  writeFileSync(passFile, kept.replaceAll(/[0-9a-f]{48}/g, '0'.repeat(48)));
  await assert.rejects(start(dataDir), { code: 'database_locked_out' });
  assert.equal(findRunningServer(homeOf(dataDir).data), null, 'a start that fails leaves no server behind');
  writeFileSync(passFile, kept);

  const { data } = homeOf(dataDir);
  renameSync(data, `${data}.away`);
  await assert.rejects(start(dataDir), { code: 'database_gone' });
  renameSync(`${data}.away`, data);
  await (await start(dataDir)).destroy();

  const file = path.join(scratch, 'a-file');
  writeFileSync(file, '');
  await assert.rejects(start(file), { code: 'data_dir_unusable' });
});

test('DATABASE_URL: an unreachable server and a wrong password are named without the URL', async () => {
  const database = await start(newDataDir());
  try {
    const external = await startDatabase({ dataDir: scratch, databaseUrl: database.url });
    assert.equal(external.url, database.url);
    assert.equal(await query(await external.createDatabase('beside'), 'select 1'), '1');
    await external.stop();
    assert.equal(await query(database.url, 'select 1'), '1', 'a server of somebody else is left running');

    const wrong = new URL(database.url);
    wrong.password = 'secret-word';
    const error = await startDatabase({ dataDir: scratch, databaseUrl: wrong.href }).catch((e: unknown) => e);
    assert.ok(error instanceof Error);
    assert.match(error.message, /28P01/);
    assert.ok(!error.message.includes('secret-word'));
  } finally {
    await database.destroy();
  }
  await assert.rejects(
    startDatabase({ dataDir: scratch, databaseUrl: 'postgres://a:secret@127.0.0.1:1/x' }),
    (error: unknown) =>
      error instanceof Error && /ECONNREFUSED/.test(error.message) && !/secret/.test(error.message),
  );
});

test(
  'root: under a 0700 parent the server lives in a folder of root’s own, elsewhere in DATA_DIR',
  { skip: missing('root') },
  async () => {
    const closed = path.join(mkdtempSync(path.join(tmpdir(), 'tapgate-closed-')), 'data');
    assert.equal(statSync(path.dirname(closed)).mode & 0o777, 0o700);
    const hidden = await start(closed);
    const hiddenHome = homeOf(closed).folder;
    try {
      assert.ok(!hiddenHome.startsWith(closed));
      assert.ok(
        hidden.describe().some((line) => line.includes(hiddenHome)),
        'the place is said',
      );
      for (let step = hiddenHome; step !== '/'; step = path.dirname(step)) {
        assert.equal(lstatSync(step).uid, 0, `${step} is root's`);
        assert.ok(!lstatSync(step).isSymbolicLink());
      }
      assert.ok(isWalkable(hiddenHome));
    } finally {
      await hidden.destroy();
      rmSync(path.dirname(closed), { recursive: true });
    }
    assert.ok(!existsSync(hiddenHome));

    const open = mkdtempSync('/var/tmp/tapgate-open-');
    spawnSync('chmod', ['755', open]);
    const dataDir = path.join(open, 'data');
    const visible = await start(dataDir);
    try {
      assert.equal(homeOf(dataDir).folder, path.join(dataDir, 'postgres'));
      assert.notEqual(statSync(homeOf(dataDir).data).uid, 0);
    } finally {
      await visible.destroy();
      rmSync(open, { recursive: true });
    }
  },
);

test('root: a folder that others may write to is not walked through', { skip: missing('root') }, () => {
  const open = mkdtempSync('/var/tmp/tapgate-trap-');
  const inside = path.join(open, 'inside');
  mkdirSync(inside, { mode: 0o755 });
  try {
    spawnSync('chmod', ['755', open]);
    assert.equal(isWalkable(inside), true);
    spawnSync('chmod', ['777', open]);
    assert.equal(isWalkable(inside), false);
    spawnSync('chmod', ['1777', open]);
    assert.equal(isWalkable(inside), true, 'in a sticky folder nobody can replace what root owns');
    spawnSync('chown', ['65534', open]);
    assert.equal(isWalkable(inside), false, 'its owner could');
    spawnSync('chown', ['0', open]);
    spawnSync('chmod', ['700', open]);
    assert.equal(isWalkable(inside), false);
  } finally {
    rmSync(open, { recursive: true });
  }
});
