import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { encodeTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import { sealRecord } from '@tapgate/gateway/store/sealed-record';
import {
  DATA_KEY,
  tapRecordOf,
  tokenOf,
  writeParties,
  BANKS,
  type FixtureTap,
} from '@tapgate/gateway/store/settled-day.fixture';
import type { Database } from '@tapgate/gateway/store/connection';

/**
 * A day of settled taps, written through COPY as settling would have left them: four in ten are offline purchases, six in ten metro
 * entries and exits, and a card that rides the metro rides it three times in two days of it. Records are sealed for real. Each is a
 * template in which PAN, counters, cryptogram and time are written anew, because encoding ten million of them would take longer than closing them.
 */
export const SERVICE_DATE = '2026-11-20';
const DAY_START_MS = Date.parse('2026-11-19T22:00:00Z');
const DAY_MS = 17 * 3_600_000;

type SettledTap = { readonly line: 'BUS' | 'METRO'; readonly kind: 'single' | 'entry' | 'exit' };

/** Offsets of what differs from tap to tap in a record that was encoded once. */
type Template = {
  readonly bytes: Buffer;
  readonly at: Readonly<Record<'sequence' | 'time' | 'pan' | 'cryptogram' | 'atc' | 'number', number>>;
};

const MARKS = { card: 12_345_678, atc: 0x4d4d, sequence: 0x5e5e5e5e };

function template({ line, kind }: SettledTap): Template {
  const tap: FixtureTap = {
    terminal: line === 'BUS' ? 'BUS00001' : 'GATE0001',
    sequence: MARKS.sequence,
    atMs: DAY_START_MS,
    kind,
    atc: MARKS.atc,
    amountFen: line === 'BUS' ? 200 : 0,
  };
  const journey = {
    card: MARKS.card,
    bankId: '',
    serviceDate: SERVICE_DATE,
    lineId: line,
    rail: line === 'BUS' ? ('offline_purchase' as const) : ('oda' as const),
    fareFen: 200,
    taps: [tap],
  };
  const bytes = Buffer.from(encodeTapRecord(tapRecordOf(journey, tap), () => randomBytes(32)));
  const after = (marker: string): number => {
    const at = bytes.indexOf(Buffer.from(marker, 'hex'));
    if (at < 0) throw new Error(`the template has no ${marker}`);
    return at + marker.length / 2;
  };
  return {
    bytes,
    at: {
      sequence: after('c304'),
      time: after('c408'),
      pan: after('5a0a'),
      cryptogram: after('9f2608'),
      atc: after('9f3602'),
      number: after('9f3704'),
    },
  };
}

/** The record of one tap, sealed, with its hash. */
function sealedTap(
  from: Template,
  tap: { readonly sequence: number; readonly atMs: number; readonly card: number; readonly atc: number },
): { readonly sm3: Buffer; readonly iv: Buffer; readonly sealed: Buffer } {
  const { bytes, at } = from;
  bytes.writeUInt32BE(tap.sequence, at.sequence);
  bytes.writeBigUInt64BE(BigInt(tap.atMs), at.time);
  bytes.write(`62999900000${String(tap.card).padStart(8, '0')}F`, at.pan, 'hex');
  bytes.writeBigUInt64BE(BigInt(tap.card) * 65_536n + BigInt(tap.atc), at.cryptogram);
  bytes.writeUInt16BE(tap.atc, at.atc);
  bytes.writeUInt32BE((tap.card * 31 + tap.atc) >>> 0, at.number);
  const { iv, sealed } = sealRecord(DATA_KEY, bytes);
  return { sm3: Buffer.from(sm3(bytes)), iv: Buffer.from(iv), sealed: Buffer.from(sealed) };
}

type Lines = { readonly identity: string; readonly tap: string; readonly journey: string };

const hex = (bytes: Buffer): string => `\\\\x${bytes.toString('hex')}`;
const PIECE = 2_000;

/** Taps of the day in pieces of COPY text; `taps` is their number in all. */
function* dayLines(taps: number): Generator<Lines> {
  const bus = template({ line: 'BUS', kind: 'single' });
  const entry = template({ line: 'METRO', kind: 'entry' });
  const exit = template({ line: 'METRO', kind: 'exit' });
  const out = { identity: [] as string[], tap: [] as string[], journey: [] as string[] };
  let sequence = 0;
  let card = 0;
  const flush = (): Lines => {
    const lines = { identity: out.identity.join(''), tap: out.tap.join(''), journey: out.journey.join('') };
    out.identity.length = 0;
    out.tap.length = 0;
    out.journey.length = 0;
    return lines;
  };
  const addTap = (
    from: Template,
    terminal: string,
    line: string,
    kind: string,
    cardNo: number,
    token: Buffer,
    atc: number,
  ): number => {
    sequence += 1;
    const atMs = DAY_START_MS + Math.floor((sequence / taps) * DAY_MS);
    const { sm3: hash, iv, sealed } = sealedTap(from, { sequence, atMs, card: cardNo, atc });
    const at = new Date(atMs).toISOString();
    out.identity.push(
      `${terminal}\t${sequence}\t${hex(hash)}\tchargeable\t\\N\t${hex(token)}\t${SERVICE_DATE}\t0\n`,
    );
    out.tap.push(
      `${SERVICE_DATE}\t${hex(token)}\t${terminal}\t${sequence}\t1\t${atc}\t${at}\t${at}\tOP1\t${line}\t\\N\t${line === 'BUS' ? 'offline_purchase' : 'oda'}\t${kind}\t${line === 'BUS' ? 200 : 0}\topen\tfixture-1\t1\t${bankOf(cardNo)}\tchargeable\t\\N\t0\t${hex(hash)}\t${hex(iv)}\t${hex(sealed)}\n`,
    );
    return sequence;
  };
  const addJourney = (
    line: string,
    cardNo: number,
    token: Buffer,
    entryTerminal: string,
    first: number,
    exitTerminal: string | null,
    last: number | null,
  ): void => {
    const id = createHash('sha256').update(`journey ${first}`).digest().subarray(0, 16);
    const at = new Date(DAY_START_MS + Math.floor((first / taps) * DAY_MS)).toISOString();
    const rail = line === 'BUS' ? 'offline_purchase' : 'oda';
    const fare = line === 'BUS' ? 200 : 300;
    out.journey.push(
      `${SERVICE_DATE}\t${hex(token)}\t${hex(id)}\t1\t${bankOf(cardNo)}\tOP1\t${line}\tbus\t${rail}\tcomplete\t${entryTerminal}\t${first}\t${exitTerminal ?? '\\N'}\t${last ?? '\\N'}\t${at}\t${at}\tchargeable\t\\N\t${fare}\t${fare}\tfixture\tfixture-1\t\\N\t\\N\t\\N\t\\N\t\\N\t[]\n`,
    );
  };
  while (sequence < taps) {
    card += 1;
    const token = tokenOf(card);
    let atc = 0;
    // Of ten taps four are bus taps of two cards and six are three metro rides of one card.
    for (let ride = 0; ride < (card % 3 === 0 ? 3 : 2) && sequence < taps; ride += 1) {
      atc += 1;
      if (card % 3 !== 0) {
        const first = addTap(bus, 'BUS00001', 'BUS', 'single', card, token, atc);
        addJourney('BUS', card, token, 'BUS00001', first, null, null);
        continue;
      }
      const first = addTap(entry, 'GATE0001', 'METRO', 'entry', card, token, atc);
      atc += 1;
      const last = addTap(exit, 'GATE0002', 'METRO', 'exit', card, token, atc);
      addJourney('METRO', card, token, 'GATE0001', first, 'GATE0002', last);
    }
    if (out.tap.length >= PIECE) yield flush();
  }
  yield flush();
}

function bankOf(card: number): string {
  return BANKS[card % BANKS.length]?.bankId ?? '';
}

const COLUMNS = {
  identity:
    'tap_identity (terminal_id, tap_sequence, record_sm3, outcome, cause, pan_token, service_date, repeats)',
  tap: 'tap (service_date, pan_token, terminal_id, tap_sequence, psn, atc, tapped_at, received_at, operator_id, line_id, station_id, rail, tap_kind, amount_fen, gate_decision, rule_set_version, hotlist_version, bank_id, outcome, cause, atc_below_highest, record_sm3, record_iv, record_sealed)',
  journey:
    'journey (service_date, pan_token, journey_id, psn, bank_id, operator_id, line_id, mode, rail, completeness, entry_terminal_id, entry_tap_sequence, exit_terminal_id, exit_tap_sequence, started_at, ended_at, outcome, cause, list_fare_fen, fare_fen, rule_set_id, rule_set_version, concession_rule_id, rider_category, funder, shortfall_fen, claimed_fen, trace)',
} as const;

/** Fills the three tables side by side, each through a COPY of its own. */
export async function copySettledDay(database: Database, taps: number): Promise<void> {
  await writeParties(database.hot);
  await database.hot`select ensure_month_partitions(${SERVICE_DATE}::date)`;
  const writables = await Promise.all(
    (['identity', 'tap', 'journey'] as const).map(async (table) => ({
      table,
      writable: await database.hot.unsafe(`copy ${COLUMNS[table]} from stdin`).writable(),
    })),
  );
  const sources = writables.map(({ table, writable }) => {
    const source = new Readable({ read: () => undefined, highWaterMark: 1 << 22 });
    return { table, source, done: pipeline(source, writable) };
  });
  for (const lines of dayLines(taps)) {
    for (const { table, source } of sources) source.push(lines[table]);
    while (sources.some(({ source }) => source.readableLength > 1 << 22)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  for (const { source } of sources) source.push(null);
  await Promise.all(sources.map(({ done }) => done));
  await database.hot.unsafe('analyze tap_identity, tap, journey');
}
