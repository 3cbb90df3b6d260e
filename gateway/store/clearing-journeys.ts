import { isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen, type Fen } from '@tapgate/sdk/wire/money';
import type { Rail } from '@tapgate/sdk/wire/rails';
import type { Database } from './connection.ts';
import { streamRows } from './row-stream.ts';
import { openRecords, type PlacedRecord } from './sealed-record.ts';
import { faultsTranslated } from './store-fault.ts';

/** A half-open range of settled journeys, (after, upTo]: what one clearing date holds. */
export type SettledRange = { readonly afterSettledNo: number; readonly upToSettledNo: number };

export type TapKey = { readonly terminalId: string; readonly tapSequence: number };

/** A charged journey as a bank's batch needs it, with its taps' records as the database has them. */
export type ChargedJourney = {
  readonly serviceDate: IsoDate;
  readonly panToken: Buffer;
  readonly psn: number;
  readonly journeyId: Buffer;
  readonly lineId: string;
  readonly fareFen: Fen;
  /** entry, then exit; null for a tap that is named and not there */
  readonly taps: readonly (SealedTap | null)[];
};

/** A tap's record as the database has it. */
export type SealedTap = PlacedRecord & { readonly serviceDate: IsoDate; readonly atc: number };

/**
 * Rows that travel at once, each what one card did on one date: enough for one pass of the cipher, and so few that all that is made of them is
 * let go before the collector has copied it twice.
 */
const PIECE_ROWS = 100;
/** Rows travel by the piece, each with everything of it; a day's sort spills to disk with less memory, and few batches at a time are sorted. */
const SETTINGS = [
  `set local work_mem = '128MB'`,
  // Card by card through an index, or the whole table of taps would be read for each bank.
  'set local enable_hashjoin = off',
  'set local enable_mergejoin = off',
];

/**
 * The journeys that a bank is charged for in a range, in pieces, in the order that every file states: service date, card
 * token, card sequence number, start, journey id. Zero fares are left out: a free ride is no charge.
 *
 * One query for journeys and records. What a card did on a date comes as two values, the binary forms of its journeys and of its taps of the rail, each
 * one row after the other: postgres.js makes a text and an object's member of each column of each row that it is given, which cost as much
 * as opening the record, and taps that are found by their card need one descent of their index where each by its own name needs one. Cards are found in the order of that
 * index, which is walked and not jumped about in. A journey's exit may belong to the next service date, and only then its identity is asked for the
 * date. The rows are sorted before they are gathered, which keeps their order.
 *
 * @throws StoreFault
 */
export async function* streamChargedJourneys(
  database: Database,
  wanted: SettledRange & { readonly bankId: string; readonly rail: Rail },
): AsyncGenerator<readonly ChargedJourney[]> {
  const pieces = streamRows(database, SETTINGS, (session) =>
    session<CardRow[]>`
      select card.journeys, (
        select string_agg(record_send(row(
          tap.terminal_id, tap.tap_sequence, tap.atc, tap.record_sm3, tap.record_iv, tap.record_sealed)), ''::bytea)
        from tap
        where tap.service_date = card.service_date and tap.pan_token = card.pan_token and tap.rail = ${wanted.rail}
      )
      from (
        select service_date, pan_token, string_agg(record_send(row(
          service_date, pan_token, psn, journey_id, line_id, fare_fen,
          entry_terminal_id, entry_tap_sequence, exit_terminal_id, exit_tap_sequence)), ''::bytea) as journeys
        from (
          select service_date, pan_token, psn, started_at, journey_id, line_id, fare_fen,
            entry_terminal_id, entry_tap_sequence, exit_terminal_id, exit_tap_sequence
          from journey
          where bank_id = ${wanted.bankId} and rail = ${wanted.rail}
            and settled_no > ${wanted.afterSettledNo} and settled_no <= ${wanted.upToSettledNo}
            and outcome = 'chargeable' and fare_fen > 0
          order by service_date, pan_token, psn, started_at, journey_id
          -- Sorted once, and not again for what follows.
          offset 0
        ) as charged
        group by service_date, pan_token
        order by service_date, pan_token
        offset 0
      ) as card
      order by card.service_date, card.pan_token`
      .raw()
      .cursor(PIECE_ROWS),
  );
  const reader = new ChargedReader();
  for await (const piece of pieces) {
    const read = reader.piece(piece);
    const elsewhere = read.flatMap(({ taps }) => taps.filter((tap) => 'terminalId' in tap));
    const found = elsewhere.length === 0 ? null : await readTapsOfAnyDate(database, elsewhere);
    yield read.map(({ taps, ...journey }) => ({
      ...journey,
      taps: taps.map((tap) => ('terminalId' in tap ? (found?.get(tapName(tap)) ?? null) : tap)),
    }));
  }
}

/** Journeys and taps of one card and date, each the hexadecimal output of a bytea; without taps null. */
type CardRow = (Buffer | null)[];

/** A journey whose taps are there, or only named where they are not under its service date. */
type ReadJourney = Omit<ChargedJourney, 'taps'> & { readonly taps: readonly (SealedTap | TapKey)[] };

/** A tap of a card, as places in the bytes of its piece. */
type CardTap = Omit<SealedTap, 'serviceDate' | 'bytes'> & {
  readonly terminalAt: number;
  readonly terminalBytes: number;
  readonly tapSequence: number;
};

/**
 * Rows in the binary form of PostgreSQL's record: a count of columns, then of each its type, its length or -1, its bytes.
 * A piece lies in one buffer and its rows say where in it things are: a view of each column cost a third of reading.
 */
class ChargedReader {
  readonly #dates = new Map<number, IsoDate>();
  #bytes = Buffer.alloc(0);
  #at = 0;
  /** of the column that was read last, -1 where it is null */
  #length = 0;

  piece(cards: readonly CardRow[]): ReadJourney[] {
    const size = cards.reduce(
      (sum, card) => sum + card.reduce((bytes, column) => bytes + (column?.length ?? 0) / 2, 0),
      0,
    );
    this.#bytes = Buffer.allocUnsafeSlow(size);
    const journeys: ReadJourney[] = [];
    let end = 0;
    for (const [ridden, tapped] of cards) {
      const tapsAt = end + this.#write(ridden, end);
      const tapsEnd = tapsAt + this.#write(tapped, tapsAt);
      const taps: CardTap[] = [];
      for (this.#at = tapsAt; this.#at < tapsEnd;) taps.push(this.#cardTap());
      for (this.#at = end; this.#at < tapsAt;) journeys.push(this.#journey(taps));
      end = tapsEnd;
    }
    return journeys;
  }

  /** @returns how many bytes the column holds */
  #write(column: Buffer | null | undefined, at: number): number {
    if (column === null || column === undefined) return 0;
    return this.#bytes.write(column.toString('latin1', HEX_PREFIX), at, 'hex');
  }

  #cardTap(): CardTap {
    this.#at += COUNT_BYTES;
    const terminalAt = this.#required();
    const terminalBytes = this.#length;
    const tapSequence = this.#wholeAt(this.#required());
    const atc = this.#bytes.readInt32BE(this.#required());
    const sm3At = this.#required();
    const ivAt = this.#required();
    const sealedAt = this.#required();
    return { terminalAt, terminalBytes, tapSequence, atc, sm3At, ivAt, sealedAt, sealedBytes: this.#length };
  }

  #journey(cardTaps: readonly CardTap[]): ReadJourney {
    this.#at += COUNT_BYTES;
    const serviceDate = this.#dateAt(this.#required());
    const panToken = this.#view();
    const psn = this.#bytes.readInt16BE(this.#required());
    const journeyId = this.#view();
    const lineId = this.#textAt(this.#required());
    const fareFen = fen(this.#wholeAt(this.#required()));
    const taps: (SealedTap | TapKey)[] = [];
    for (let place = 0; place < TAPS_OF_ROW; place += 1) {
      const tap = this.#tap(serviceDate, cardTaps);
      if (tap !== null) taps.push(tap);
    }
    return { serviceDate, panToken, psn, journeyId, lineId, fareFen, taps };
  }

  /** The tap that a journey names: one of its card's, or its name where it is not under the journey's date and rail. */
  #tap(serviceDate: IsoDate, cardTaps: readonly CardTap[]): SealedTap | TapKey | null {
    const terminalAt = this.#next();
    const terminalBytes = this.#length;
    const sequenceAt = this.#next();
    if (terminalBytes < 0 || this.#length < 0) return null;
    const bytes = this.#bytes;
    const tapSequence = this.#wholeAt(sequenceAt);
    const terminalEnd = terminalAt + terminalBytes;
    for (const tap of cardTaps) {
      if (tap.tapSequence !== tapSequence) continue;
      const tapEnd = tap.terminalAt + tap.terminalBytes;
      if (bytes.compare(bytes, terminalAt, terminalEnd, tap.terminalAt, tapEnd) !== 0) continue;
      const { atc, ivAt, sm3At, sealedAt, sealedBytes } = tap;
      return { serviceDate, atc, bytes, ivAt, sm3At, sealedAt, sealedBytes };
    }
    return { terminalId: bytes.toString('utf8', terminalAt, terminalEnd), tapSequence };
  }

  /** Where the next column's bytes begin. */
  #next(): number {
    this.#length = this.#bytes.readInt32BE(this.#at + TYPE_BYTES);
    const start = this.#at + TYPE_BYTES + LENGTH_BYTES;
    this.#at = this.#length < 0 ? start : start + this.#length;
    return start;
  }

  #required(): number {
    const start = this.#next();
    if (this.#length < 0) throw new RangeError('a journey or tap has this column');
    return start;
  }

  #view(): Buffer {
    const start = this.#required();
    return this.#bytes.subarray(start, start + this.#length);
  }

  #textAt(start: number): string {
    return this.#bytes.toString('utf8', start, start + this.#length);
  }

  /** A bigint of ours is a safe integer and not negative. */
  #wholeAt(start: number): number {
    return this.#bytes.readUInt32BE(start) * 0x1_0000_0000 + this.#bytes.readUInt32BE(start + 4);
  }

  #dateAt(start: number): IsoDate {
    const days = this.#bytes.readInt32BE(start);
    const known = this.#dates.get(days);
    if (known !== undefined) return known;
    const date = isoDate(new Date(EPOCH_2000_MS + days * DAY_MS).toISOString().slice(0, 10));
    this.#dates.set(days, date);
    return date;
  }
}

const COUNT_BYTES = 4;
const TYPE_BYTES = 4;
const LENGTH_BYTES = 4;
/** `\x` before the digits of a bytea */
const HEX_PREFIX = 2;
const TAPS_OF_ROW = 2;
const EPOCH_2000_MS = Date.UTC(2000, 0, 1);
const DAY_MS = 86_400_000;

function tapKey(terminalId: string | null, tapSequence: number | null): TapKey | null {
  return terminalId === null || tapSequence === null ? null : { terminalId, tapSequence };
}

/** A ride for which somebody pays, as the claim needs it. */
export type FundedJourney = {
  readonly serviceDate: IsoDate;
  readonly panToken: Buffer;
  readonly journeyId: Buffer;
  readonly operatorId: string;
  readonly lineId: string;
  readonly mode: string;
  readonly riderCategory: string;
  readonly concessionRuleId: string;
  readonly ruleSetVersion: string;
  readonly startedAtMs: number;
  readonly entry: TapKey | null;
  readonly exit: TapKey | null;
  readonly listFareFen: Fen;
  readonly fareFen: Fen;
  readonly shortfallFen: Fen;
  readonly claimedFen: Fen;
};

type FundedRow = {
  service_date: string;
  pan_token: Buffer;
  journey_id: Buffer;
  line_id: string;
  fare_fen: number;
  entry_terminal_id: string | null;
  entry_tap_sequence: number | null;
  exit_terminal_id: string | null;
  exit_tap_sequence: number | null;
  operator_id: string;
  mode: string;
  rider_category: string | null;
  concession_rule_id: string | null;
  rule_set_version: string | null;
  started_at: Date;
  list_fare_fen: number;
  shortfall_fen: number;
  claimed_fen: number;
};

/** The rides that a funder pays for in a range, in order of service date, operator, line, start, journey id. @throws StoreFault */
export async function* streamFundedJourneys(
  database: Database,
  wanted: SettledRange & { readonly funder: string },
): AsyncGenerator<readonly FundedJourney[]> {
  const rows = streamRows(database, SETTINGS, (sql) =>
    sql<FundedRow[]>`
      select service_date::text, pan_token, journey_id, operator_id, line_id, mode, rider_category, concession_rule_id,
        rule_set_version, started_at, entry_terminal_id, entry_tap_sequence, exit_terminal_id, exit_tap_sequence,
        list_fare_fen, fare_fen, shortfall_fen, claimed_fen
      from journey
      where funder = ${wanted.funder} and outcome = 'chargeable' and claimed_fen is not null
        and settled_no > ${wanted.afterSettledNo} and settled_no <= ${wanted.upToSettledNo}
      order by service_date, operator_id collate "C", line_id collate "C", started_at, journey_id`.cursor(
      PIECE_ROWS,
    ),
  );
  const dates = new Map<string, IsoDate>();
  const dateOf = (text: string): IsoDate => {
    const date = dates.get(text) ?? isoDate(text);
    dates.set(text, date);
    return date;
  };
  for await (const piece of rows) {
    yield piece.map((row) => ({
      serviceDate: dateOf(row.service_date),
      panToken: row.pan_token,
      journeyId: row.journey_id,
      operatorId: row.operator_id,
      lineId: row.line_id,
      mode: row.mode,
      riderCategory: row.rider_category ?? '',
      concessionRuleId: row.concession_rule_id ?? '',
      ruleSetVersion: row.rule_set_version ?? '',
      startedAtMs: row.started_at.getTime(),
      entry: tapKey(row.entry_terminal_id, row.entry_tap_sequence),
      exit: tapKey(row.exit_terminal_id, row.exit_tap_sequence),
      listFareFen: fen(row.list_fare_fen),
      fareFen: fen(row.fare_fen),
      shortfallFen: fen(row.shortfall_fen),
      claimedFen: fen(row.claimed_fen),
    }));
  }
}

/** A tap's record in clear, as it was accepted. */
export type OpenedTap = { readonly atc: number; readonly record: Uint8Array };

/** The SM4 key of a service date; null when it was destroyed. */
export type DataKeyReader = (serviceDate: IsoDate) => Promise<Uint8Array | null>;

type TapRow = {
  terminal_id: string;
  tap_sequence: number;
  service_date: string;
  atc: number;
  record_sm3: Buffer;
  record_iv: Buffer;
  record_sealed: Buffer;
};

/**
 * Sealed records of taps, by terminal and sequence. Through tap_identity, which knows the service date of every tap: the exit of a
 * journey may belong to the next.
 */
export async function readTapsOfAnyDate(
  database: Database,
  keys: readonly TapKey[],
): Promise<ReadonlyMap<string, SealedTap>> {
  if (keys.length === 0) return new Map();
  const sql = database.hot;
  const rows = await faultsTranslated(
    () => sql<TapRow[]>`
      select tap.terminal_id, tap.tap_sequence, tap.service_date::text, tap.atc, tap.record_sm3, tap.record_iv, tap.record_sealed
      from unnest(${sql.array(keys.map((k) => k.terminalId))}::text[], ${sql.array(keys.map((k) => k.tapSequence))}::bigint[])
        as wanted (terminal_id, tap_sequence)
      join tap_identity as identity using (terminal_id, tap_sequence)
      join tap on tap.service_date = identity.service_date and tap.pan_token = identity.pan_token
        and tap.terminal_id = identity.terminal_id and tap.tap_sequence = identity.tap_sequence`,
  );
  return new Map(
    rows.map((row) => [
      tapName({ terminalId: row.terminal_id, tapSequence: row.tap_sequence }),
      {
        serviceDate: isoDate(row.service_date),
        atc: row.atc,
        bytes: Buffer.concat([row.record_iv, row.record_sm3, row.record_sealed]),
        ivAt: 0,
        sm3At: row.record_iv.length,
        sealedAt: row.record_iv.length + row.record_sm3.length,
        sealedBytes: row.record_sealed.length,
      },
    ]),
  );
}

/**
 * Opens records, those of a service date together.
 *
 * @param keyOf null where the key of a service date was destroyed
 * @returns in their order; null for a tap that is not there, or has no key any more
 * @throws RangeError when a record opens to other bytes than its SM3 says
 */
export function openSealedTaps(
  taps: readonly (SealedTap | null)[],
  keyOf: (serviceDate: IsoDate) => Uint8Array | null,
): (OpenedTap | null)[] {
  const places = new Map<IsoDate, number[]>();
  taps.forEach((tap, place) => {
    if (tap === null) return;
    const ofDate = places.get(tap.serviceDate);
    if (ofDate === undefined) places.set(tap.serviceDate, [place]);
    else ofDate.push(place);
  });
  const opened = new Array<OpenedTap | null>(taps.length).fill(null);
  for (const [serviceDate, ofDate] of places) {
    const key = keyOf(serviceDate);
    if (key === null) continue;
    const entries = ofDate.flatMap((place) => taps[place] ?? []);
    const records = openRecords(key, entries);
    entries.forEach(({ atc }, index) => {
      const record = records[index];
      const place = ofDate[index];
      if (record !== undefined && place !== undefined) opened[place] = { atc, record };
    });
  }
  return opened;
}

export function tapName(key: TapKey): string {
  return `${key.terminalId}-${key.tapSequence}`;
}
