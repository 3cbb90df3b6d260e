import { and, eq, getTableColumns, sql, type SQL } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { buildCaKeyTable, loadCaKey, type CaKey, type CaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import { bytesFromHex, hex } from '@tapgate/sdk/emv/hex';
import { isoDate, terminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { RAILS, TAP_KINDS } from '@tapgate/sdk/wire/rails';
import type { Bank } from '../banks/load-banks.ts';
import type { ClearingProfile } from '../clearing/clearing-profile.ts';
import { zoneClock } from '../calendar/zone-clock.ts';
import { BinTable } from '../ingest/bin-table.ts';
import { msOfDay } from '../ingest/service-date.ts';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import { MODES, type Mode } from '../journeys/mode.ts';
import type { LineData, OperatorData, StationData } from '../operators/load-operators.ts';
import type { Database } from './connection.ts';
import { bank, bankBin, caKey, line, operator, station, terminal } from './schema/reference.ts';
import { faultsTranslated } from './store-fault.ts';

/** What data files and the keystore say, as it enters the database. */
export type ReferenceRows = {
  readonly operators: readonly OperatorData[];
  readonly banks: readonly (Bank & { readonly profile: ClearingProfile })[];
  /** X||Y of every terminal of the operators */
  readonly terminalKeys: ReadonlyMap<TerminalId, Uint8Array>;
  readonly caKeys: readonly CaKeyRow[];
};

export type CaKeyRow = {
  /** upper-case hex, 5 bytes */
  readonly rid: string;
  readonly index: number;
  /** an SM2 point X||Y */
  readonly publicKey: Uint8Array;
  /** YYYY-MM-DD, last day of use */
  readonly expiresOn: string;
};

/** Reference data as the hot path reads it: in memory, one look-up each. */
export type ReferenceData = {
  readonly terminals: ReadonlyMap<TerminalId, TerminalPlacement>;
  readonly operators: ReadonlyMap<string, Operator>;
  readonly lines: ReadonlyMap<string, Line>;
  readonly stations: ReadonlyMap<string, Station>;
  readonly banks: ReadonlyMap<string, BankRow>;
  readonly bins: BinTable;
  readonly caKeys: CaKeyTable;
};

export type Operator = Omit<OperatorData, 'lines'>;
export type Line = Omit<LineData, 'stations' | 'terminals'> & { readonly operatorId: string };
export type Station = StationData & { readonly lineId: string };
export type BankRow = Omit<Bank, 'nameEn' | 'bins' | 'bic'> & {
  readonly bic: string | null;
  readonly profile: unknown;
};

/**
 * Writes the rows, or brings existing ones to what the files say now. Rows that are no longer in a file stay: taps speak of
 * them. Whether a terminal is revoked is never in a file, and stays as it is.
 *
 * @throws StoreFault
 */
export async function writeReferenceData(database: Database, rows: ReferenceRows): Promise<void> {
  const { operators, banks } = rows;
  const lines = operators.flatMap(({ operatorId, lines: own }) => own.map((of) => ({ ...of, operatorId })));
  const stations = lines.flatMap(({ lineId, stations: own }) => own.map((row) => ({ ...row, lineId })));
  const terminals = lines.flatMap(({ operatorId, lineId, terminals: own }) =>
    own.map((row) => ({
      ...row,
      operatorId,
      lineId,
      sm2PublicKey: keyOf(rows.terminalKeys, row.terminalId),
    })),
  );
  await faultsTranslated(() =>
    database.orm.transaction(async (transaction) => {
      await transaction
        .insert(operator)
        .values(operators.map(({ lines: _lines, ...row }) => row))
        .onConflictDoUpdate({ target: operator.operatorId, set: asProposed(operator) });
      await transaction
        .insert(line)
        .values(
          lines.map(({ merchant: { nameZh: merchantNameZh, ...ids }, ...row }) => ({
            ...row,
            ...ids,
            merchantNameZh,
          })),
        )
        .onConflictDoUpdate({ target: line.lineId, set: asProposed(line) });
      if (stations.length > 0) {
        await transaction
          .insert(station)
          .values(stations)
          .onConflictDoUpdate({ target: station.stationId, set: asProposed(station) });
      }
      await transaction
        .insert(terminal)
        .values(terminals)
        .onConflictDoUpdate({
          target: terminal.terminalId,
          set: {
            ...asProposed(terminal, 'revokedAt', 'enrolledAt', 'changedAt'),
            // A key that a device made itself stands; the keystore's is for terminals of a demonstration.
            sm2PublicKey: sql`case when ${terminal.enrolledAt} is null then excluded.sm2_public_key else ${terminal.sm2PublicKey} end`,
          },
        });
      await transaction
        .insert(bank)
        .values(banks.map(({ nameEn: _nameEn, bins: _bins, ...row }) => row))
        .onConflictDoUpdate({ target: bank.bankId, set: asProposed(bank) });
      await transaction
        .insert(bankBin)
        .values(banks.flatMap(({ bankId, bins }) => bins.map((bin) => ({ bin, bankId }))))
        .onConflictDoUpdate({ target: bankBin.bin, set: asProposed(bankBin) });
      await transaction
        .insert(caKey)
        .values(rows.caKeys.map(({ index, ...row }) => ({ ...row, keyIndex: index, algorithm: 'SM2' })))
        .onConflictDoUpdate({ target: [caKey.rid, caKey.keyIndex], set: asProposed(caKey) });
    }),
  );
}

/** `set` of an upsert: every column takes the proposed row's value, those named apart. */
function asProposed(table: PgTable, ...kept: string[]): Record<string, SQL> {
  return Object.fromEntries(
    Object.entries(getTableColumns(table))
      .filter(([name]) => !kept.includes(name))
      .map(([name, column]) => [name, sql`excluded.${sql.identifier(column.name)}`]),
  );
}

function keyOf(keys: ReadonlyMap<TerminalId, Uint8Array>, id: TerminalId): Uint8Array {
  const key = keys.get(id);
  if (key === undefined) throw new RangeError(`no public key for terminal ${id}`);
  return key;
}

/** The CA key of that name as the database has it, X||Y; null before reference data was written. @throws StoreFault */
export async function findCaPublicKey(
  database: Database,
  name: Pick<CaKeyRow, 'rid' | 'index'>,
): Promise<Uint8Array | null> {
  const rows = await faultsTranslated(() =>
    database.orm
      .select({ publicKey: caKey.publicKey })
      .from(caKey)
      .where(and(eq(caKey.rid, name.rid), eq(caKey.keyIndex, name.index))),
  );
  return rows[0]?.publicKey ?? null;
}

/**
 * Reads all reference data into memory.
 *
 * @throws StoreFault; RangeError when a row holds what no data file could have put there
 */
export async function loadReferenceData(database: Database): Promise<ReferenceData> {
  const { orm } = database;
  const [operators, lines, stations, terminals, banks, bins, caKeys] = await faultsTranslated(() =>
    Promise.all([
      orm.select().from(operator),
      orm.select().from(line),
      orm.select().from(station),
      orm.select().from(terminal),
      orm.select().from(bank),
      orm.select().from(bankBin),
      orm.select().from(caKey),
    ]),
  );
  const operatorOf = new Map(operators.map((row) => [row.operatorId, row]));
  const lineOf = new Map(lines.map((row) => [row.lineId, lineFrom(row)]));
  return {
    operators: operatorOf,
    lines: lineOf,
    stations: new Map(stations.map((row) => [row.stationId, row])),
    terminals: placementsOf(terminals, operatorOf, lineOf),
    banks: new Map(banks.map((row) => [row.bankId, row])),
    bins: new BinTable(bins),
    caKeys: buildCaKeyTable(caKeys.map(caKeyFrom)),
  };
}

/** Terminals as they stand now: enrolled and revoked while a gateway runs. @throws StoreFault */
export async function loadTerminals(database: Database): Promise<ReadonlyMap<TerminalId, TerminalPlacement>> {
  const { orm } = database;
  const [operators, lines, terminals] = await faultsTranslated(() =>
    Promise.all([orm.select().from(operator), orm.select().from(line), orm.select().from(terminal)]),
  );
  return placementsOf(
    terminals,
    new Map(operators.map((row) => [row.operatorId, row])),
    new Map(lines.map((row) => [row.lineId, lineFrom(row)])),
  );
}

function placementsOf(
  terminals: readonly (typeof terminal.$inferSelect)[],
  operatorOf: ReadonlyMap<string, typeof operator.$inferSelect>,
  lineOf: ReadonlyMap<string, Line>,
): ReadonlyMap<TerminalId, TerminalPlacement> {
  return new Map(
    terminals.map((row) => {
      const placement = placementFrom(row, operatorOf.get(row.operatorId), lineOf.get(row.lineId));
      return [placement.terminalId, placement];
    }),
  );
}

/** The authority keys as terminals are given them, in the order of their names. @throws StoreFault */
export async function readCaKeyRows(
  database: Database,
): Promise<
  readonly { rid: string; index: number; algorithm: string; publicKey: string; expiresOn: string }[]
> {
  const rows = await faultsTranslated(() =>
    database.orm.select().from(caKey).orderBy(caKey.rid, caKey.keyIndex),
  );
  return rows.map(({ rid, keyIndex, algorithm, publicKey, expiresOn }) => ({
    ...{ rid, index: keyIndex, algorithm, expiresOn },
    publicKey: hex(publicKey),
  }));
}

function lineFrom(row: typeof line.$inferSelect): Line {
  const { merchantId, merchantNameZh, mcc, ...rest } = row;
  return {
    ...rest,
    mode: oneOf<Mode>(MODES, row.mode),
    rail: oneOf(RAILS, row.rail),
    merchant: { merchantId, nameZh: merchantNameZh, mcc },
  };
}

function placementFrom(
  row: typeof terminal.$inferSelect,
  owner: typeof operator.$inferSelect | undefined,
  of: Line | undefined,
): TerminalPlacement {
  if (owner === undefined || of === undefined) throw new RangeError('a terminal has an operator and a line');
  return {
    terminalId: terminalId(row.terminalId),
    operatorId: row.operatorId,
    lineId: row.lineId,
    stationId: row.stationId,
    tapKind: oneOf(TAP_KINDS, row.tapKind),
    rail: of.rail,
    amountFen: of.amountFen,
    sm2PublicKey: row.sm2PublicKey,
    revokedAtMs: row.revokedAt?.getTime() ?? null,
    // One string for all terminals of a zone, that of the clock: then finding the clock compares no characters.
    zone: zoneClock(owner.timeZone).zone,
    region: owner.jurisdiction,
    serviceDayStartMs: msOfDay(owner.serviceDayStart),
  };
}

function caKeyFrom(row: typeof caKey.$inferSelect): CaKey {
  const loaded = loadCaKey({
    rid: bytesFromHex(row.rid),
    index: row.keyIndex,
    expiry: isoDate(row.expiresOn),
    modulus: row.publicKey,
    exponent: new Uint8Array(),
    checksum: new Uint8Array(),
  });
  if (!loaded.ok)
    throw new RangeError(`CA key ${row.rid}/${hex(Uint8Array.of(row.keyIndex))}: ${loaded.refusal.code}`);
  return loaded.key;
}

function oneOf<Value extends string>(values: readonly Value[], text: string): Value {
  const found = values.find((value) => value === text);
  if (found === undefined) throw new RangeError('a stored word is not in its list');
  return found;
}
