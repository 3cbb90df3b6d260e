import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { PieceHash } from '@tapgate/sdk/lists/piece-hash';
import { listKeyIdOf } from '@tapgate/sdk/lists/name-list';
import { SHARE_ALL } from '@tapgate/sdk/lists/roll-out';
import { writeListStatement } from '@tapgate/sdk/lists/list-envelope';
import type { Figure } from './figure.ts';
import { hotlistSnapshot, LIST_KEY } from './hotlist-names.ts';
import { TERMINAL } from '../node-start.ts';

const NAMES = Number(process.env['HOTLIST_NAMES'] ?? 10_000_000);
const LISTED = 20_000;
const LOOKUPS = 20_000;
const PROCESS = fileURLToPath(new URL('./hotlist-process.ts', import.meta.url));
const run = promisify(execFile);

type Installed = { readonly seconds: number; readonly peakMb: number };
type Measured = Readonly<
  Record<
    | 'openMs'
    | 'sinceProcessStartMs'
    | 'filterBytes'
    | 'listsMb'
    | 'residentMb'
    | 'mappedMb'
    | 'goodP50Us'
    | 'goodP99Us'
    | 'hitP50Ms'
    | 'hitP99Ms'
    | 'hitMaxMs'
    | 'falsePositivePercent'
    | 'ownTapP50Ms'
    | 'ownTapP99Ms'
    | 'ownTapCpuP99Ms'
    | 'uninterruptedTapsPercent'
    | 'uninterruptedTapP99Ms'
    | 'deltaMs'
    | 'tapsDuringDelta'
    | 'worstWaitMs',
    number
  >
>;

/**
 * A terminal with ten million names: laid down by one process, used by another that starts with them, as after a night.
 * Expected before measuring, per issue: heap and external for the filter <= 64 MB; a good card <= 10 us p99 (HMAC-SM3 of its number
 * included), a listed one <= 1 ms p99; a delta of 10,000 <= 1 s while taps go on; ready <= 3 s; the process <= 200 MB.
 */
export async function measureHotlist(): Promise<readonly Figure[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'tapgate-hotlist-'));
  try {
    const bodyFile = path.join(folder, 'snapshot.tgl');
    const statement = await writeSnapshot(bodyFile);
    const lists = path.join(folder, 'lists');
    const installed = await inProcess<Installed>(['install', lists, bodyFile, statement]);
    await rm(bodyFile);
    const measured = await inProcess<Measured>(['measure', lists, String(LISTED), String(LOOKUPS)]);
    return figuresOf(installed, measured);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function writeSnapshot(file: string): Promise<string> {
  const hash = new PieceHash();
  let bodyBytes = 0;
  function* hashed(): Generator<Uint8Array> {
    for (const part of hotlistSnapshot(NAMES, LISTED)) {
      hash.update(part);
      bodyBytes += part.length;
      yield part;
    }
  }
  await pipeline(Readable.from(hashed()), createWriteStream(file));
  const now = Date.now();
  return writeListStatement({
    ...{ kind: 'hotlist', version: 1, baseVersion: null, validFromMs: now, madeAtMs: now },
    ...{ scope: { kind: 'all' }, sharePermille: SHARE_ALL, bodyBytes, bodySm3: hash.digest() },
    listKeyId: listKeyIdOf(LIST_KEY),
  });
}

async function inProcess<Result>(words: readonly string[]): Promise<Result> {
  const { stdout } = await run(process.execPath, [...TERMINAL.flags, PROCESS, ...words]);
  return JSON.parse(stdout) as Result;
}

function figuresOf(installed: Installed, measured: Measured): readonly Figure[] {
  const readyMs = measured.sinceProcessStartMs;
  return [
    { name: `snapshot of ${NAMES} names brought in`, value: installed.seconds, unit: 's' },
    { name: '  peak memory while it is', value: installed.peakMb, unit: 'MB' },
    { name: 'start-up to the first lookup, process start incl.', value: readyMs / 1e3, unit: 's', atMost: 3 },
    { name: '  of it opening the lists', value: measured.openMs / 1e3, unit: 's' },
    { name: 'heap and external that the lists take', value: measured.listsMb, unit: 'MB', atMost: 64 },
    { name: '  of it the filter', value: measured.filterBytes / 1e6, unit: 'MB' },
    { name: 'good card, name and answer, p99', value: measured.goodP99Us, unit: 'us', atMost: 10 },
    { name: 'good card, name and answer, p50', value: measured.goodP50Us, unit: 'us' },
    { name: 'good cards that are looked up all the same', value: measured.falsePositivePercent, unit: '%' },
    { name: 'listed card, name and exact check, p99', value: measured.hitP99Ms, unit: 'ms', atMost: 1 },
    { name: 'listed card, name and exact check, p50', value: measured.hitP50Ms, unit: 'ms' },
    { name: 'listed card, the slowest', value: measured.hitMaxMs, unit: 'ms' },
    { name: 'own code of a tap with this list, p99', value: measured.ownTapP99Ms, unit: 'ms', atMost: 5 },
    {
      name: '  of it processor time, p99: when nobody else wants one',
      value: measured.ownTapCpuP99Ms,
      unit: 'ms',
    },
    {
      name: '  taps from which the processor was not taken away',
      value: measured.uninterruptedTapsPercent,
      unit: '%',
    },
    { name: '  own code of those, p99', value: measured.uninterruptedTapP99Ms, unit: 'ms' },
    { name: 'own code of a tap with this list, p50', value: measured.ownTapP50Ms, unit: 'ms' },
    { name: 'delta of 10,000 names, durable', value: measured.deltaMs / 1e3, unit: 's', atMost: 1 },
    { name: '  taps meanwhile, one every 2 ms', value: measured.tapsDuringDelta, unit: '', atLeast: 1 },
    { name: '  longest that one of them waited', value: measured.worstWaitMs, unit: 'ms' },
    { name: 'process with the list, resident', value: measured.residentMb, unit: 'MB', atMost: 200 },
    { name: '  of it mapped files', value: measured.mappedMb, unit: 'MB' },
  ];
}
