import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, ftruncateSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { sm2KeyPairFromSeed, sm2Sign, rsToDer } from '@tapgate/sdk/gm/sm2';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { digestFile } from '../jobs/batch-file.ts';
import { runInspect, UsageError } from './inspect/inspect-command.ts';
import { manifestBytes, type ManifestContent } from './manifest.ts';

const COMMAND = path.join(import.meta.dirname, 'clearing-command.ts');
const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-inspect-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Line = {
  file: string;
  format: string | null;
  schemaValid: boolean | null;
  businessValid: boolean | null;
  valid: boolean;
  records: number;
  totals: { currency: string; minor: number }[];
  errors: { code: string }[];
};

function inspect(...args: string[]): { exit: number; lines: Line[]; text: string } {
  const printed: string[] = [];
  const exit = runInspect(args, (line) => printed.push(line));
  const lines = args.includes('--json') ? printed.map((line) => JSON.parse(line) as Line) : [];
  return { exit, lines, text: printed.join('\n') };
}

function place(name: string, content: string | Uint8Array): string {
  const file = path.join(folder, name);
  writeFileSync(file, content);
  return file;
}

const EMPTY_DAY = 'H|TGDC|1|ICBC|102100099996|2026-11-20|1|156\nZ|0|0|0\n';

test('a valid file: exit 0 and one JSON object with exactly these members', () => {
  const { exit, lines } = inspect('--json', place('day.bin', EMPTY_DAY));
  assert.equal(exit, 0);
  assert.deepEqual(lines, [
    {
      file: path.join(folder, 'day.bin'),
      format: 'deferred-charge',
      schemaValid: true,
      businessValid: true,
      valid: true,
      records: 0,
      totals: [],
      errors: [],
    },
  ]);
});

test('the kind comes from the bytes, whatever the name says', () => {
  const { lines } = inspect('--json', place('looks-like.xml', EMPTY_DAY), place('looks-like.dat', '<a/>'));
  assert.deepEqual(
    lines.map((line) => line.format),
    ['deferred-charge', null],
  );
});

test('an invalid file: exit 1; an unknown kind: exit 2, also beside others', () => {
  const good = place('good.txt', EMPTY_DAY);
  const bad = place('bad.txt', EMPTY_DAY.replace('Z|0', 'Z|1'));
  const unknown = place('unknown.bin', Buffer.from([0, 1, 2, 3]));
  assert.equal(inspect(good, bad).exit, 1);
  assert.equal(inspect(good, bad, unknown).exit, 2);
  assert.equal(inspect(good, path.join(folder, 'not-there')).exit, 2);
  assert.equal(inspect(place('empty', '')).exit, 2);
});

test('wrong usage is said, and is not the exit code of an invalid file', () => {
  const good = place('good.txt', EMPTY_DAY);
  assert.throws(() => inspect(), UsageError);
  assert.throws(() => inspect(good, '--xsd', path.join(folder, 'no-schemas')), UsageError);
  assert.throws(() => inspect(good, '--profile', 'NOBODY'), UsageError);
  assert.throws(() => inspect(good, '--public-key', '00'), UsageError);
  const runs = ([[good], ['--no-such-option', good], []] as const).map((args) =>
    spawnSync(process.execPath, ['--import', 'tsx', COMMAND, 'inspect', ...args], { encoding: 'utf8' }),
  );
  assert.deepEqual(
    runs.map((run) => run.status),
    [0, 64, 64],
  );
});

test('without --json: one line a file, with its verdict and the place of each error', () => {
  const { text } = inspect(place('bad2.txt', EMPTY_DAY.replace('Z|0', 'Z|1')));
  assert.match(
    text,
    /^\S+bad2\.txt {2}deferred-charge {2}INVALID {2}schema yes {2}business no {2}0 records {2}count_wrong@line 2$/,
  );
});

test('under the profile of another bank a file is refused', () => {
  const file = place('icbc.txt', EMPTY_DAY);
  assert.equal(inspect('--profile', 'ICBC', file).exit, 0);
  const { exit, lines } = inspect('--profile', 'CCB', '--json', file);
  assert.equal(exit, 1);
  assert.deepEqual(
    lines[0]?.errors.map((error) => error.code),
    ['bank_not_of_profile'],
  );
});

/** A file of the given length that takes no room on the disk: what follows the head are zeros. */
function sparse(name: string, head: string, bytes: number): string {
  const file = path.join(folder, name);
  const handle = openSync(file, 'w');
  writeSync(handle, head);
  ftruncateSync(handle, bytes);
  closeSync(handle);
  return file;
}

test('files of two gigabytes are refused by name, in little memory and time', () => {
  const twoGigabytes = 2 * 1024 ** 3;
  const files = [
    sparse(
      'large.xml',
      '<?xml version="1.0"?><Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.008.001.08">',
      twoGigabytes,
    ),
    sparse('large.txt', 'H|TGDC|1|ICBC|102100099996|2026-11-20|1|156\n', twoGigabytes),
    sparse('large.dat', 'TGTC526H01', twoGigabytes),
    sparse('large.csv', '\ufeffTapGate subsidy claim,1,BUREAU,2026-11-20,1\r\n', twoGigabytes),
    sparse('large.json', '{"manifest": "tapgate-clearing",', twoGigabytes),
  ];
  const started = process.hrtime.bigint();
  const { exit, lines } = inspect('--json', ...files);
  assert.equal(exit, 1);
  assert.ok(process.hrtime.bigint() - started < 60_000_000_000n);
  for (const line of lines) {
    assert.deepEqual([line.schemaValid, line.valid], [false, false], line.file);
    assert.ok(line.errors.length > 0);
  }
});

const KEY = sm2KeyPairFromSeed(Buffer.alloc(32, 7));
const PUBLIC_KEY = Buffer.from(KEY.publicKeyXy).toString('hex');

/** A delivery: file, manifest, signature. */
function deliver(
  name: string,
  sequence: number,
  previous: Uint8Array | null,
  more: Partial<ManifestContent> = {},
): Uint8Array {
  const file = place(`${name}.txt`, EMPTY_DAY.replace('|1|156', `|${sequence}|156`));
  const { bytes: fileBytes, sm3: fileSm3, sha256 } = digestFile(file);
  const manifest = manifestBytes({
    party: 'ICBC',
    kind: 'deferred_charge',
    clearingDate: isoDate('2026-11-20'),
    sequence,
    format: 'deferred-charge',
    file: `${name}.txt`,
    fileBytes,
    records: 0,
    totalFen: fen(0),
    sm3: fileSm3,
    sha256,
    feeFen: fen(0),
    collectionDate: isoDate('2026-11-23'),
    withheld: { records: 0, totalFen: fen(0) },
    adjustments: { records: 0, extraFen: fen(0), reducedFen: fen(0) },
    unpresented: [],
    previousManifestSm3: previous,
    ...more,
  });
  place(`${name}.txt.manifest.json`, manifest);
  place(`${name}.txt.sig`, rsToDer(sm2Sign({ ...KEY, message: manifest })));
  return sm3(manifest);
}

const codesOf = (lines: readonly Line[], name: string): string[] =>
  lines.find((line) => line.file.endsWith(name))?.errors.map((error) => error.code) ?? ['not inspected'];

test('a delivery: its file, its signature and its place in the chain', () => {
  const first = deliver('one', 1, null);
  deliver('two', 2, first);
  const both = ['one', 'two'].map((name) => path.join(folder, `${name}.txt.manifest.json`));
  const good = inspect('--json', '--public-key', PUBLIC_KEY, ...both);
  assert.deepEqual([good.exit, good.lines.map((line) => line.errors)], [0, [[], []]]);

  place('one.txt', EMPTY_DAY.replace('2026-11-20', '2026-11-21'));
  place(
    'two.txt.sig',
    rsToDer(sm2Sign({ ...sm2KeyPairFromSeed(Buffer.alloc(32, 8)), message: Buffer.from('other') })),
  );
  const spoiled = inspect('--json', '--public-key', PUBLIC_KEY, ...both);
  assert.deepEqual(codesOf(spoiled.lines, 'one.txt.manifest.json'), ['file_hash_wrong']);
  assert.deepEqual(codesOf(spoiled.lines, 'two.txt.manifest.json'), ['signature_wrong']);
});

test('a sequence with a gap, and a manifest that does not name the one before it', () => {
  const first = deliver('three', 1, null);
  deliver('five', 3, first);
  const gap = inspect('--json', ...['three', 'five'].map((n) => path.join(folder, `${n}.txt.manifest.json`)));
  assert.deepEqual(codesOf(gap.lines, 'five.txt.manifest.json'), ['sequence_gap']);
  deliver('six', 2, Buffer.alloc(32, 1));
  const broken = inspect(
    '--json',
    ...['three', 'six'].map((n) => path.join(folder, `${n}.txt.manifest.json`)),
  );
  assert.deepEqual(codesOf(broken.lines, 'six.txt.manifest.json'), ['chain_broken']);
});

test('a manifest that is cut off, or of other members, is refused', () => {
  deliver('seven', 1, null);
  const manifest = path.join(folder, 'seven.txt.manifest.json');
  const cut = place('cut.json', '{\n  "manifest": "tapgate-clearing",\n  "edition": 1');
  const other = place('other.json', '{\n  "manifest": "tapgate-clearing",\n  "edition": 2\n}\n');
  const { lines } = inspect('--json', manifest, cut, other);
  assert.deepEqual(codesOf(lines, 'seven.txt.manifest.json'), []);
  assert.deepEqual(codesOf(lines, 'cut.json'), ['truncated']);
  assert.ok(codesOf(lines, 'other.json').includes('field_value_invalid'));
});
