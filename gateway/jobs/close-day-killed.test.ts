import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, before, test } from 'node:test';
import { derToRs, sm2Verify } from '@tapgate/sdk/gm/sm2';
import { startDatabase, type RunningDatabase } from '../database/database.ts';
import { openDatabase } from '../store/connection.ts';
import { migrateDatabase } from '../store/migrate.ts';
import {
  MANIFEST_PUBLIC_KEY,
  writeAdjusted,
  writeParties,
  writeSettled,
  type FixtureAdjustment,
  type FixtureJourney,
} from '../store/settled-day.fixture.ts';
import type { ClosingStep } from './closing.ts';

// kill -9 at every step of closing and building, with files made in the closing's own thread and on threads of their own in turn: whatever a
// crash leaves, the next run ends in the same state with the same bytes. So does a run in another time zone, under another locale, on another
// Node (NODES=/path/to/node22,/path/to/node24 by hand).

const VICTIM = fileURLToPath(new URL('./closing-victim.fixture.ts', import.meta.url));
const DATE = '2026-11-20';
const AT = Date.parse('2026-11-20T00:10:00Z');
const STEPS: readonly ClosingStep[] = [
  'cut_over',
  'piece_written',
  'file_built',
  'batch_recorded',
  'file_published',
  'manifest_written',
  'signature_written',
  'control_written',
];
// Each step once at a desk, twenty times in CI; by hand:  KILLS=200 TEST_SEED=7 npm test -- close-day-killed
const KILLS = Number(process.env['KILLS'] ?? (process.env['REQUIRE_ALL'] === '1' ? 20 : 8));
const SEED = Number(process.env['TEST_SEED'] ?? 20_261_121);

const journey = (card: number, more: Partial<FixtureJourney>): FixtureJourney => ({
  card,
  bankId: card % 2 === 0 ? 'BANK1' : 'BANK2',
  serviceDate: DATE,
  lineId: 'BUS',
  rail: 'offline_purchase',
  fareFen: 200,
  taps: [
    {
      terminal: 'BUS00001',
      sequence: card,
      atMs: AT + card * 1_000,
      kind: 'single',
      atc: card,
      amountFen: 200,
    },
  ],
  ...more,
});
const DAY: readonly FixtureJourney[] = Array.from({ length: 24 }, (_, index) => {
  const card = index + 1;
  if (card % 3 === 0) return journey(card, { rail: 'oda', lineId: 'METRO', fareFen: 100 * card });
  if (card % 5 === 0) return journey(card, { fareFen: 100, claim: { listFareFen: 200, claimedFen: 100 } });
  return journey(card, {});
});
/** What rides that came late change in four of them: less, more, a claim alone, and a whole fare back. */
const CHANGES = [
  [3, 260, undefined],
  [6, 650, undefined],
  [5, 100, [100, 60]],
  [9, 0, undefined],
] as const;
const ADJUSTED: readonly FixtureAdjustment[] = CHANGES.map(([card, fareFen, claims]) => {
  const [of, cause] = [DAY[card - 1], DAY[0]];
  if (of === undefined || cause === undefined) throw new RangeError('the day has this card');
  return { of, cause, fareFen, chargedFen: of.fareFen, ...(claims === undefined ? {} : { claims }) };
});

let server: RunningDatabase;
const names: string[] = [];
const folders: string[] = [];
let sequence = 0;

before(async () => {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-killed-'));
  server = await startDatabase({ dataDir, databaseUrl: process.env['DATABASE_URL'] ?? null });
});

after(async () => {
  for (const name of names) await server.dropDatabase(name);
  await server.destroy();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A database with the settled day in it, and nothing closed. */
async function settledDay(): Promise<string> {
  sequence += 1;
  const name = `killed_${process.pid}_${sequence}`;
  names.push(name);
  const url = await server.createDatabase(name);
  await migrateDatabase(url);
  const database = await openDatabase(url);
  await writeParties(database.hot);
  await writeSettled(database.hot, DAY);
  await writeAdjusted(database.hot, ADJUSTED);
  await database.close();
  return url;
}

function outDir(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-killed-files-'));
  folders.push(folder);
  return folder;
}

type Death = { readonly step: ClosingStep; readonly time: number };

/** Where a process runs, as far as bytes could depend on it. */
type Place = {
  readonly node: string;
  readonly env: Readonly<Record<string, string>>;
  /** on which files are made; below two, in the closing's own */
  readonly threads: number;
};
const HERE: Place = { node: process.execPath, env: {}, threads: 0 };
const ON_THREADS: Place = { ...HERE, threads: 2 };

/** @returns true when the process was killed, false when it came to its end */
function run(
  work: 'close' | 'build',
  url: string,
  dir: string,
  death: Death | null,
  place: Place = HERE,
): boolean {
  const fatal = death === null ? ['none', '0'] : [death.step, String(death.time)];
  const { signal, status, stderr } = spawnSync(
    place.node,
    [
      '--import',
      'tsx',
      VICTIM,
      work,
      url,
      dir,
      DATE,
      String(AT + 86_400_000),
      ...fatal,
      String(place.threads),
    ],
    { encoding: 'utf8', env: { ...process.env, ...place.env } },
  );
  if (signal === 'SIGKILL') return true;
  assert.equal(status, 0, stderr);
  return false;
}

/** Everything but signatures, which are made once and differ from database to database, and control files, which name their hashes. */
function filesOf(dir: string): Record<string, string> {
  const files = readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files
      .map((entry) => path.join(entry.parentPath, entry.name))
      .filter((file) => !/\.(sig|chk)$/.test(file))
      .sort()
      .map((file) => [
        path.relative(dir, file),
        createHash('sha256').update(readFileSync(file)).digest('hex'),
      ]),
  );
}

/** What the database holds of the closing, signatures apart. */
async function booksOf(url: string): Promise<unknown> {
  const database = await openDatabase(url);
  try {
    const { hot } = database;
    return [
      await hot`select * from cut_over`,
      await hot`select party, kind, sequence, file_name, records, total_fen, withheld_fen, file_sm3, manifest_sm3, previous_manifest_sm3
        from clearing_batch order by party, kind, sequence`,
      await hot`select journey_id, cause, amount_fen from withheld_presentment order by journey_id`,
      await hot`select clearing_date, party, kind, adjustments, extra_fen, reduced_fen, up_to_adjusted_no from clearing_batch
        order by party, kind`,
      await hot`select * from unpresented_adjustment order by adjustment_id`,
      await hot`select posting_id, debit_account, credit_account, amount_fen from posting order by posting_id`,
    ];
  } finally {
    await database.close();
  }
}

async function assertSignaturesAreTheStoredOnes(url: string, dir: string): Promise<void> {
  const database = await openDatabase(url);
  try {
    const rows = await database.hot<
      { party: string; file_name: string; signature: Buffer; manifest: Buffer }[]
    >`
      select party, file_name, signature, manifest from clearing_batch`;
    for (const { party, file_name, signature, manifest } of rows) {
      const file = readFileSync(path.join(dir, DATE, party, `${file_name}.sig`));
      assert.ok(file.equals(signature), `${file_name}: the signature is the one that was stored`);
      const signatureRs = derToRs(signature);
      assert.ok(signatureRs !== null);
      assert.ok(sm2Verify({ publicKeyXy: MANIFEST_PUBLIC_KEY, message: manifest, signatureRs }));
    }
  } finally {
    await database.close();
  }
}

/** Every control file names the files of its delivery, each with its size and hash. */
function assertControlFilesHold(dir: string): void {
  const controls = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.chk'),
  );
  assert.equal(controls.length, 7);
  for (const control of controls) {
    const folder = path.join(dir, path.dirname(control));
    const lines = readFileSync(path.join(dir, control), 'latin1').trimEnd().split('\n');
    assert.equal(lines.length, 3, control);
    for (const line of lines) {
      const [name = '', bytes, , sha256] = line.split(' ');
      const file = readFileSync(path.join(folder, name));
      const expected = createHash('sha256').update(file).digest('hex').toUpperCase();
      assert.deepEqual([bytes, sha256], [String(file.length), expected], line);
    }
  }
}

/** Steps in turn, so that each is hit, each at a place that the seed chooses. */
function* deaths(seed: number): Generator<Death> {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    return (state >> 8) % below;
  };
  for (let round = 0; ; round += 1) {
    const step = STEPS[round % STEPS.length] ?? 'cut_over';
    yield { step, time: step === 'cut_over' ? 1 : 1 + next(round < STEPS.length ? 1 : 7) };
  }
}

test(`killed ${KILLS} times in closing and building, the same state and the same bytes`, async (t) => {
  t.diagnostic(`seed ${SEED}`);
  const referenceUrl = await settledDay();
  const referenceDir = outDir();
  assert.equal(run('close', referenceUrl, referenceDir, null), false);
  const files = filesOf(referenceDir);
  const books = await booksOf(referenceUrl);
  assert.equal(Object.keys(files).length, 14, 'seven files and their manifests');

  const hit = new Map<string, number>();
  const death = deaths(SEED);
  let kills = 0;
  const killed = (work: 'close' | 'build', url: string, dir: string, place: Place): boolean => {
    const { value } = death.next() as { value: Death };
    if (!run(work, url, dir, value, place)) return false;
    kills += 1;
    hit.set(value.step, (hit.get(value.step) ?? 0) + 1);
    return true;
  };
  for (let day = 0; kills < KILLS; day += 1) {
    const place = day % 2 === 0 ? HERE : ON_THREADS;
    const url = await settledDay();
    let dir = outDir();
    // Half the crashes lose the disk with the files as well; the database survives, as it is durable.
    for (let round = 0; round < 5 && killed('close', url, dir, place); round += 1)
      if (round % 2 === 1) dir = outDir();
    run('close', url, dir, null);
    assert.deepEqual(filesOf(dir), files);
    assert.deepEqual(await booksOf(url), books);
    const again = outDir();
    for (let round = 0; round < 2; round += 1) killed('build', url, again, place);
    run('build', url, again, null);
    assert.deepEqual(filesOf(again), files);
    assert.deepEqual(await booksOf(url), books);
    await assertSignaturesAreTheStoredOnes(url, dir);
    await assertSignaturesAreTheStoredOnes(url, again);
    for (const folder of [dir, again]) assertControlFilesHold(folder);
  }
  if (KILLS >= STEPS.length) assert.deepEqual([...hit.keys()].sort(), [...STEPS].sort(), 'each step was hit');
  t.diagnostic([...hit].map(([step, times]) => `${step} ${times}`).join(', '));
});

const LOCALES = [
  { TZ: 'Asia/Shanghai', LANG: 'zh_CN.GB18030', LC_ALL: 'zh_CN.GB18030' },
  { TZ: 'America/Los_Angeles', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' },
  { TZ: 'Pacific/Chatham', LANG: 'C', LC_ALL: 'C' },
];
const NODES = (process.env['NODES'] ?? '').split(',').filter((node) => node !== '');

test('closed in another time zone, under another locale, on another Node, on threads: the same bytes and books', async (t) => {
  const places: readonly Place[] = [
    ...LOCALES.map((env) => ({ ...HERE, env })),
    ...NODES.map((node, index) => ({ ...HERE, node, env: LOCALES[index % LOCALES.length] ?? {} })),
    ON_THREADS,
  ];
  const made = [];
  for (const place of places) {
    const url = await settledDay();
    const dir = outDir();
    run('close', url, dir, null, place);
    made.push({ files: filesOf(dir), books: await booksOf(url) });
  }
  t.diagnostic(`${places.length} places, other Nodes: ${NODES.length}`);
  assert.equal(Object.keys(made[0]?.files ?? {}).length, 14);
  for (const other of made) assert.deepEqual(other, made[0]);
});
