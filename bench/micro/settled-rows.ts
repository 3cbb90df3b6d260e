import { createHash, randomBytes, randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { loadBanks } from '@tapgate/gateway/banks/load-banks';
import { accountsFor } from '@tapgate/gateway/ledger/chart-of-accounts';
import type { Database } from '@tapgate/gateway/store/connection';
import { openAccounts } from '@tapgate/gateway/store/ledger-postings';
import {
  DATA_KEY,
  FUNDER,
  OPERATOR,
  tapRecordOf,
  writeParties,
  type FixtureTap,
} from '@tapgate/gateway/store/settled-day.fixture';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { sm4CtrTexts } from '@tapgate/sdk/gm/sm4';
import { encodeTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import { CopyRows } from './copy-rows.ts';

/**
 * A day of settled taps, written through COPY as settling would have left them. Every card makes four taps: of ten cards five ride
 * the metro to work and back, four pay four buses, and one is a senior's that rides the metro free at the funder's cost. Riders belong to the
 * cooperating banks and to the network's other banks by shares as a city has them; taps come in the order of the clock, a ride's exit thousands of
 * taps after its entry and the way back half a day after the way out, so that a card's rows lie as far apart as they do in truth.
 *
 * Records are sealed for real. Each is a template in which PAN, counters, cryptogram and time are written anew, because encoding ten million
 * of them would take longer than closing them. Indexes are made after the rows.
 */
export const SERVICE_DATE = '2026-11-20';
/** Taps that a day is made of: a whole number of tens of cards. */
export const DAY_UNIT_TAPS = 40;
const SERVICE_DATE_MS = Date.parse(`${SERVICE_DATE}T00:00:00Z`);
const DAY_START_MS = Date.parse('2026-11-19T22:00:00Z');
const DAY_MS = 17 * 3_600_000;
const BUS_FARE_FEN = 200;
const METRO_FARE_FEN = 300;

/** What the files of the day must hold, counted from how it was made. */
export const expectedOf = (
  taps: number,
): { readonly records: number; readonly totalFen: number; readonly claims: number } => {
  const units = taps / DAY_UNIT_TAPS;
  // Sixteen purchases, five charges of two rides each, two free rides.
  return {
    records: units * (16 + 5),
    totalFen: units * (16 * BUS_FARE_FEN + 5 * 2 * METRO_FARE_FEN),
    claims: units * 2,
  };
};

type Rider = 'metro' | 'bus' | 'senior';
const RIDERS: readonly Rider[] = [
  'metro',
  'bus',
  'metro',
  'bus',
  'metro',
  'senior',
  'metro',
  'bus',
  'metro',
  'bus',
];
/** Cards of a hundred, bank after bank: the last are those of banks elsewhere, which the network clears. */
const BANK_SHARES = [22, 18, 13, 15, 12, 7, 9, 4];
const NETWORK = { bankId: 'NETWORK', nameZh: '示例转接网络', cnaps: '104100000004' };
const WAYS = 2;
const LAG_CARDS = 5_000;
const PIECE_TAPS = 2_000;
/** Pieces between two words of progress: half a million taps. */
const PROGRESS_PIECES = 250;

/** Offsets of what differs from tap to tap in a record that was encoded once. */
type Template = {
  readonly bytes: Buffer;
  readonly at: Readonly<Record<'sequence' | 'time' | 'pan' | 'cryptogram' | 'atc' | 'number', number>>;
};

const MARKS = { card: 12_345_678, atc: 0x4d4d, sequence: 0x5e5e5e5e };

function template(terminal: string, kind: FixtureTap['kind']): Template {
  const isBus = kind === 'single';
  const tap: FixtureTap = {
    terminal,
    sequence: MARKS.sequence,
    atMs: DAY_START_MS,
    kind,
    atc: MARKS.atc,
    amountFen: isBus ? BUS_FARE_FEN : 0,
  };
  const journey = {
    card: MARKS.card,
    bankId: '',
    serviceDate: SERVICE_DATE,
    lineId: isBus ? 'BUS' : 'METRO',
    rail: isBus ? ('offline_purchase' as const) : ('oda' as const),
    fareFen: BUS_FARE_FEN,
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

type Made = {
  readonly terminal: string;
  readonly kind: FixtureTap['kind'];
  readonly sequence: number;
  readonly card: number;
  readonly token: Buffer;
  readonly bankId: string;
  readonly atc: number;
  readonly atMs: number;
  readonly record: Buffer;
};

const TERMINALS = { single: 'BUS00001', entry: 'GATE0001', exit: 'GATE0002' } as const;

type Pieces = Readonly<Record<Table, Buffer>>;
type Table = keyof typeof COLUMNS;

class DayRows {
  readonly #taps: number;
  readonly #banks: readonly string[];
  readonly #rows = {
    tap_identity: new CopyRows(PIECE_TAPS),
    tap: new CopyRows(PIECE_TAPS),
    journey: new CopyRows(PIECE_TAPS),
  };
  readonly #templates = {
    single: template(TERMINALS.single, 'single'),
    entry: template(TERMINALS.entry, 'entry'),
    exit: template(TERMINALS.exit, 'exit'),
  };
  #made: Made[] = [];
  #sequence = 0;

  constructor(taps: number, bankIds: readonly string[]) {
    this.#taps = taps;
    this.#banks = Array.from({ length: 100 }, (_, percent) => bankOfPercent(percent, bankIds));
  }

  *pieces(): Generator<Pieces> {
    const cards = this.#taps / (2 * WAYS);
    const lag = Math.min(LAG_CARDS, cards);
    const entered = new Float64Array(lag);
    for (let way = 0; way < WAYS; way += 1) {
      for (let step = 0; step < cards + lag; step += 1) {
        const place = step % lag;
        if (step >= lag) this.#second(step - lag, way, entered[place] ?? 0);
        if (step < cards) entered[place] = this.#first(step, way);
        if (this.#made.length >= PIECE_TAPS - 2) yield this.#piece(false);
      }
    }
    yield this.#piece(true);
  }

  #first(card: number, way: number): number {
    const isBus = riderOf(card) === 'bus';
    const tap = this.#tap(card, isBus ? 'single' : 'entry', way * 2 + 1);
    if (isBus) this.#journey(tap, null);
    return tap.sequence;
  }

  #second(card: number, way: number, entrySequence: number): void {
    const isBus = riderOf(card) === 'bus';
    const tap = this.#tap(card, isBus ? 'single' : 'exit', way * 2 + 2);
    if (isBus) this.#journey(tap, null);
    else this.#journey(tap, entrySequence);
  }

  #tap(card: number, kind: FixtureTap['kind'], atc: number): Made {
    this.#sequence += 1;
    const sequence = this.#sequence;
    const atMs = this.#instantOf(sequence);
    const { bytes, at } = this.#templates[kind];
    const record = Buffer.from(bytes);
    record.writeUInt32BE(sequence, at.sequence);
    record.writeUInt32BE(Math.floor(atMs / 0x1_0000_0000), at.time);
    record.writeUInt32BE(atMs % 0x1_0000_0000, at.time + 4);
    record.write(`62999900000${String(card).padStart(8, '0')}F`, at.pan, 'hex');
    record.writeUInt32BE(card, at.cryptogram);
    record.writeUInt32BE(atc, at.cryptogram + 4);
    record.writeUInt16BE(atc, at.atc);
    record.writeUInt32BE((card * 31 + atc) >>> 0, at.number);
    const token = createHash('sha256').update(`card ${card}`).digest().subarray(0, 16);
    const bankId = this.#banks[token.readUInt16BE() % 100] ?? '';
    const made = { terminal: TERMINALS[kind], kind, sequence, card, token, bankId, atc, atMs, record };
    this.#made.push(made);
    return made;
  }

  #instantOf(sequence: number): number {
    return DAY_START_MS + Math.floor((sequence / this.#taps) * DAY_MS);
  }

  #journey(last: Made, entrySequence: number | null): void {
    const { token, bankId, card, sequence, terminal, atMs } = last;
    const rows = this.#rows.journey;
    const isBus = entrySequence === null;
    const isFree = riderOf(card) === 'senior';
    const listFareFen = isBus ? BUS_FARE_FEN : METRO_FARE_FEN;
    const id = Buffer.from(token);
    id.writeUInt32BE(sequence, 12);
    rows.row(COLUMNS.journey.length);
    rows.date(SERVICE_DATE_MS);
    rows.bytes(token);
    rows.bytes(id);
    rows.smallint(1);
    rows.text(bankId);
    rows.text(OPERATOR);
    rows.text(isBus ? 'BUS' : 'METRO');
    rows.text(isBus ? 'bus' : 'metro');
    rows.text(isBus ? 'offline_purchase' : 'oda');
    rows.text('complete');
    rows.text(isBus ? terminal : TERMINALS.entry);
    rows.bigint(entrySequence ?? sequence);
    rows.text(isBus ? null : terminal);
    rows.bigint(isBus ? null : sequence);
    rows.instant(this.#instantOf(entrySequence ?? sequence));
    rows.instant(atMs);
    rows.text('chargeable');
    rows.none();
    rows.bigint(listFareFen);
    rows.bigint(isFree ? 0 : listFareFen);
    rows.text('fixture');
    rows.text('fixture-1');
    rows.text(isFree ? 'senior' : null);
    rows.text(isFree ? 'senior' : null);
    rows.text(isFree ? FUNDER : null);
    rows.bigint(isFree ? listFareFen : null);
    rows.bigint(isFree ? listFareFen : null);
    rows.text('[]');
  }

  /** Seals what was made since the last piece in one pass, and gives all rows. */
  #piece(isLast: boolean): Pieces {
    const vectors = randomFillSync(Buffer.allocUnsafe(this.#made.length * 16));
    const iv = (index: number): Buffer => vectors.subarray(index * 16, index * 16 + 16);
    const bytes = Buffer.concat([vectors, ...this.#made.map(({ record }) => record)]);
    let at = vectors.length;
    const texts = this.#made.map(({ record: { length } }, index) => {
      at += length;
      return { bytes, ivAt: index * 16, at: at - length, length };
    });
    const sealed = sm4CtrTexts(DATA_KEY, texts);
    const { tap: taps, tap_identity: identities, journey } = this.#rows;
    this.#made.forEach((made, index) => {
      const recordSm3 = sm3(made.record);
      const isBus = made.kind === 'single';
      identities.row(COLUMNS.tap_identity.length);
      identities.text(made.terminal);
      identities.bigint(made.sequence);
      identities.bytes(recordSm3);
      identities.text('chargeable');
      identities.bytes(made.token);
      identities.date(SERVICE_DATE_MS);
      taps.row(COLUMNS.tap.length);
      taps.date(SERVICE_DATE_MS);
      taps.bytes(made.token);
      taps.text(made.terminal);
      taps.bigint(made.sequence);
      taps.smallint(1);
      taps.integer(made.atc);
      taps.instant(made.atMs);
      taps.instant(made.atMs);
      taps.text(OPERATOR);
      taps.text(isBus ? 'BUS' : 'METRO');
      taps.text(isBus ? 'offline_purchase' : 'oda');
      taps.text(made.kind);
      taps.bigint(isBus ? BUS_FARE_FEN : 0);
      taps.text('open');
      taps.text('fixture-1');
      taps.integer(1);
      taps.text(made.bankId);
      taps.text('chargeable');
      taps.smallint(0);
      taps.bytes(recordSm3);
      taps.bytes(iv(index));
      taps.bytes(sealed[index] ?? made.record.subarray(0, 0));
    });
    this.#made = [];
    return {
      tap_identity: identities.piece(isLast),
      tap: taps.piece(isLast),
      journey: journey.piece(isLast),
    };
  }
}

function riderOf(card: number): Rider {
  return RIDERS[card % RIDERS.length] ?? 'metro';
}

function bankOfPercent(percent: number, bankIds: readonly string[]): string {
  let upTo = 0;
  const place = BANK_SHARES.findIndex((share) => (upTo += share) > percent);
  return bankIds[place] ?? NETWORK.bankId;
}

const COLUMNS = {
  tap_identity: ['terminal_id', 'tap_sequence', 'record_sm3', 'outcome', 'pan_token', 'service_date'],
  tap: [
    'service_date',
    'pan_token',
    'terminal_id',
    'tap_sequence',
    'psn',
    'atc',
    'tapped_at',
    'received_at',
    'operator_id',
    'line_id',
    'rail',
    'tap_kind',
    'amount_fen',
    'gate_decision',
    'rule_set_version',
    'hotlist_version',
    'bank_id',
    'outcome',
    'atc_below_highest',
    'record_sm3',
    'record_iv',
    'record_sealed',
  ],
  journey: [
    'service_date',
    'pan_token',
    'journey_id',
    'psn',
    'bank_id',
    'operator_id',
    'line_id',
    'mode',
    'rail',
    'completeness',
    'entry_terminal_id',
    'entry_tap_sequence',
    'exit_terminal_id',
    'exit_tap_sequence',
    'started_at',
    'ended_at',
    'outcome',
    'cause',
    'list_fare_fen',
    'fare_fen',
    'rule_set_id',
    'rule_set_version',
    'concession_rule_id',
    'rider_category',
    'funder',
    'shortfall_fen',
    'claimed_fen',
    'trace',
  ],
} as const;
const TABLES = ['tap_identity', 'tap', 'journey'] as const;

/**
 * Fills the three tables side by side, each through a COPY of its own.
 *
 * @param taps a multiple of DAY_UNIT_TAPS
 * @param say is told how far it is
 */
export async function copySettledDay(
  database: Database,
  taps: number,
  say: (text: string) => void = () => undefined,
): Promise<void> {
  if (taps % DAY_UNIT_TAPS !== 0) throw new RangeError(`a day is a multiple of ${DAY_UNIT_TAPS} taps`);
  const { hot } = database;
  const bankIds = await writeBanks(database);
  await hot`select ensure_month_partitions(${SERVICE_DATE}::date)`;
  const indexes = await dropIndexes(database);
  const writables = await Promise.all(
    TABLES.map(async (table) => ({
      table,
      writable: await hot
        .unsafe(`copy ${table} (${COLUMNS[table].join(', ')}) from stdin (format binary)`)
        .writable(),
    })),
  );
  let sent = Promise.resolve();
  let made = 0;
  for (const pieces of new DayRows(taps, bankIds).pieces()) {
    await sent;
    if (made % PROGRESS_PIECES === 0 && made > 0) say(`${(made * PIECE_TAPS).toLocaleString('en')} made`);
    made += 1;
    sent = Promise.all(writables.map(({ table, writable }) => send(writable, pieces[table]))).then(
      () => undefined,
    );
    // Sent while the next piece is made.
    sent.catch(() => undefined);
  }
  await sent;
  await Promise.all(
    writables.map(async ({ writable }) => {
      const finished = once(writable, 'finish');
      writable.end();
      await finished;
    }),
  );
  for (const [place, index] of indexes.entries()) {
    say(`index ${place + 1} of ${indexes.length}`);
    await hot.begin(async (transaction) => {
      await transaction.unsafe(`set local maintenance_work_mem = '512MB'`);
      await transaction.unsafe(index);
    });
  }
  await hot.unsafe('analyze tap_identity, tap, journey');
}

function send(writable: Writable, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    writable.write(bytes, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** The parties of the fixture, and the banks of a city. */
async function writeBanks({ hot }: Database): Promise<string[]> {
  await writeParties(hot);
  const banks = [
    ...loadBanks().map(({ bankId, nameZh, cnapsCode }) => ({ bankId, nameZh, cnaps: cnapsCode })),
    NETWORK,
  ];
  for (const { bankId, nameZh, cnaps } of banks)
    await hot`insert into bank (bank_id, name_zh, cnaps_code, profile) values (${bankId}, ${nameZh}, ${cnaps}, '{}')`;
  const bankIds = banks.map(({ bankId }) => bankId);
  await openAccounts(hot, accountsFor({ bankIds, operatorIds: [OPERATOR], funders: [FUNDER] }));
  return bankIds;
}

/** Drops every index of the three tables. @returns the statements that make them again */
async function dropIndexes({ hot }: Database): Promise<string[]> {
  const keys = await hot<{ table: string; name: string; definition: string }[]>`
    select conrelid::regclass::text as "table", conname as name, pg_get_constraintdef(oid) as definition
    from pg_constraint where contype = 'p' and conrelid::regclass::text = any(${[...TABLES]}::text[])`;
  const others = await hot<{ name: string; definition: string }[]>`
    select indexrelid::regclass::text as name, replace(pg_get_indexdef(indexrelid), ' ON ONLY ', ' ON ') as definition
    from pg_index where not indisprimary and indrelid::regclass::text = any(${[...TABLES]}::text[])`;
  for (const { name } of others) await hot.unsafe(`drop index ${name}`);
  for (const { table, name } of keys) await hot.unsafe(`alter table ${table} drop constraint ${name}`);
  return [
    ...keys.map(({ table, name, definition }) => `alter table ${table} add constraint ${name} ${definition}`),
    ...others.map(({ definition }) => definition),
  ];
}
