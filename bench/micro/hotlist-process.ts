import { createReadStream, readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import { applyDelta, installSnapshot } from '@tapgate/validator-firmware/lists/install-names';
import { ListStore } from '@tapgate/validator-firmware/lists/list-store';
import { inPieces } from '@tapgate/validator-firmware/lists/name-reader';
import { parseListStatement } from '@tapgate/sdk/lists/list-envelope';
import type { HeldList } from '@tapgate/validator-firmware/lists/held-list';
import { benchCard, hotlistDelta, LIST_KEY, statementOf } from './hotlist-names.ts';
import { percentile } from './figure.ts';
import { measureOwnCode } from './terminal.ts';

// One side of the bench of the hotlist, in a process of its own, so that its memory is that of a terminal; prints JSON.
//   hotlist-process.ts install FOLDER BODY STATEMENT     lays the list down
//   hotlist-process.ts measure FOLDER LISTED LOOKUPS     a terminal that starts with it
const [mode = '', folder = '', ...rest] = process.argv.slice(2);
const storageKey = hmacSm3(Buffer.from('bench'), Buffer.from('storage'));

const emptyMb = heapAndExternalMb();
const openedAt = performance.now();
const lists = await ListStore.open({ directory: folder, storageKey });
const openMs = performance.now() - openedAt;
const sinceProcessStartMs = performance.now();
const listsMb = heapAndExternalMb() - emptyMb;
const figures = mode === 'install' ? await install() : await measure();
await lists.close();
console.log(JSON.stringify(figures));

async function install(): Promise<object> {
  const [bodyFile = '', statementText = ''] = rest;
  const statement = parseListStatement(statementText);
  if (statement === null) throw new Error('a statement of the bench reads back');
  const startedAt = performance.now();
  await installSnapshot(lists, { statement, listKey: LIST_KEY, body: createReadStream(bodyFile) });
  return {
    seconds: (performance.now() - startedAt) / 1_000,
    peakMb: process.resourceUsage().maxRSS / 1_024,
  };
}

async function measure(): Promise<object> {
  const [listed, lookups] = rest.map(Number) as [number, number];
  const good = Array.from({ length: lookups }, (_, index) => benchCard('good', index));
  const hits = Array.from({ length: Math.min(listed, lookups) }, (_, index) => benchCard('listed', index));
  // Twice each: the first round compiles.
  lookUp(held(), good);
  const goodUs = lookUp(held(), good);
  const hitColdMs = lookUp(held(), hits).map((us) => us / 1_000);
  const falsePositives = good.filter((card) => mayBeListed(held(), card)).length / good.length;
  const { filter } = held();
  const tap = measureOwnCode(held());
  const uninterrupted = tap.own.filter((_ms, index) => tap.interruptions[index] === 0);
  const delta = await applyWhileTapping(good);
  return {
    openMs,
    sinceProcessStartMs,
    filterBytes: filter?.words.byteLength ?? 0,
    listsMb,
    residentMb: residentMb(),
    mappedMb: statusMb('RssFile'),
    goodP50Us: percentile(goodUs, 50),
    goodP99Us: percentile(goodUs, 99),
    hitP50Ms: percentile(hitColdMs, 50),
    hitP99Ms: percentile(hitColdMs, 99),
    hitMaxMs: Math.max(...hitColdMs),
    falsePositivePercent: falsePositives * 100,
    ownTapP50Ms: percentile(tap.own, 50),
    ownTapP99Ms: percentile(tap.own, 99),
    ownTapCpuP99Ms: percentile(tap.ownCpu, 99),
    uninterruptedTapsPercent: (100 * uninterrupted.length) / tap.own.length,
    uninterruptedTapP99Ms: percentile(uninterrupted.length === 0 ? tap.own : uninterrupted, 99),
    ...delta,
  };
}

function held(): HeldList {
  const list = lists.held('hotlist');
  if (list === null) throw new Error('the bench has a list');
  return list;
}

type Card = ReturnType<typeof benchCard>;

/** What a gate does for a card: its name under the list key, and the answer. @returns us for each */
function lookUp(list: HeldList, cards: readonly Card[]): number[] {
  const samples = new Float64Array(cards.length);
  let found = 0;
  for (const [index, card] of cards.entries()) {
    const startedAt = performance.now();
    if (list.has(list.nameOf(card))) found++;
    samples[index] = (performance.now() - startedAt) * 1_000;
  }
  if (found !== 0 && found !== cards.length) throw new Error('the exact check is wrong');
  return [...samples];
}

function mayBeListed(list: HeldList, card: Card): boolean {
  return list.filter?.mayHave(Buffer.from(list.nameOf(card), 'hex')) === true;
}

/** A delta of ten thousand names, while cards are looked up every other millisecond. */
async function applyWhileTapping(cards: readonly Card[]): Promise<object> {
  const body = hotlistDelta(2, 10_000);
  const statement = statementOf([body], { version: 2, baseVersion: 1, nowMs: Date.now() });
  let worstMs = 0;
  let taps = 0;
  const wait = 2;
  let due = performance.now() + wait;
  const versions = new Set<number>();
  const tapping = setInterval(() => {
    const list = held();
    const card = cards[taps++ % cards.length];
    if (card !== undefined) list.has(list.nameOf(card));
    versions.add(list.version);
    const now = performance.now();
    worstMs = Math.max(worstMs, now - due);
    due = now + wait;
  }, wait);
  const startedAt = performance.now();
  await applyDelta(lists, { statement, listKey: LIST_KEY, body: inPieces(body) });
  const deltaMs = performance.now() - startedAt;
  clearInterval(tapping);
  return { deltaMs, tapsDuringDelta: taps, worstWaitMs: worstMs };
}

/** What is in use, without what the collector has not come to yet: otherwise the garbage of starting is taken off the lists. */
function heapAndExternalMb(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
}

function residentMb(): number {
  return statusMb('VmRSS');
}

function statusMb(field: string): number {
  const status = readFileSync('/proc/self/status', 'latin1');
  return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? Number.NaN) / 1_024;
}
