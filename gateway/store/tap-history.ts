import { parseTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import type { AskedGateway } from '@tapgate/sdk/tap-record/asked-gateway';
import { isoDate, type IsoDate, type TapSequence, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { and, desc, eq, inArray, or } from 'drizzle-orm';
import { civilDay, formatCivilDay, type CivilDay } from '../calendar/civil-day.ts';
import type { Database } from './connection.ts';
import { openRecord } from './sealed-record.ts';
import { readPostingsOf } from './ledger-postings.ts';
import { journey, type posting } from './schema/money.ts';
import { tap, tapIdentity, unsettledTap } from './schema/taps.ts';
import { faultsTranslated } from './store-fault.ts';

/** One tap's whole way, as far as it has come. */
export type TapHistory = {
  readonly identity: typeof tapIdentity.$inferSelect;
  readonly tap: Omit<typeof tap.$inferSelect, 'recordIv' | 'recordSealed'>;
  /** 'ready' or 'waiting' while it is not settled, else null */
  readonly unsettledState: string | null;
  readonly journey: typeof journey.$inferSelect | null;
  readonly postings: readonly (typeof posting.$inferSelect)[];
  /** whether the gate asked for its decision, as its record says; null where it says nothing, or its key was destroyed */
  readonly asked: AskedGateway | null;
};

/** The key of a service date's records; null when it was destroyed. */
type DataKeyOf = (serviceDate: IsoDate) => Promise<Uint8Array | null>;

/** The ciphertext stays where it is: a history shows what was decided, not the evidence. */
const SEALED_COLUMNS = new Set(['recordIv', 'recordSealed']);

function withoutRecord(row: typeof tap.$inferSelect): TapHistory['tap'] {
  const entries = Object.entries(row).filter(([column]) => !SEALED_COLUMNS.has(column));
  return Object.fromEntries(entries) as TapHistory['tap'];
}

/** Each step by key: the identity names date and card, which name the tap, and the journey by its end. */
export async function findTapHistory(
  database: Database,
  terminalId: TerminalId,
  tapSequence: TapSequence,
  dataKeyOf: DataKeyOf,
): Promise<TapHistory | null> {
  const { orm } = database;
  return faultsTranslated(async () => {
    const [identity] = await orm
      .select()
      .from(tapIdentity)
      .where(and(eq(tapIdentity.terminalId, terminalId), eq(tapIdentity.tapSequence, tapSequence)));
    if (identity === undefined) return null;
    const [found] = await orm
      .select()
      .from(tap)
      .where(
        and(
          eq(tap.serviceDate, identity.serviceDate),
          eq(tap.panToken, identity.panToken),
          eq(tap.terminalId, terminalId),
          eq(tap.tapSequence, tapSequence),
        ),
      );
    if (found === undefined) return null;
    const [unsettled] = await orm
      .select({ state: unsettledTap.state })
      .from(unsettledTap)
      .where(
        and(
          eq(unsettledTap.panToken, found.panToken),
          eq(unsettledTap.psn, found.psn),
          eq(unsettledTap.atc, found.atc),
          eq(unsettledTap.terminalId, terminalId),
          eq(unsettledTap.tapSequence, tapSequence),
        ),
      );
    const made = await findJourneyOf(database, identity);
    const postings = made === null ? [] : await readPostingsOf(database, 'journey', made.journeyId);
    return {
      identity,
      tap: withoutRecord(found),
      unsettledState: unsettled?.state ?? null,
      journey: made,
      postings,
      asked: await askedOf(found, dataKeyOf),
    };
  });
}

/** Opened for this one word: of a tap in some thousands anybody ever asks, and a column would be paid for with every one. */
async function askedOf(row: typeof tap.$inferSelect, dataKeyOf: DataKeyOf): Promise<AskedGateway | null> {
  const dataKey = await dataKeyOf(isoDate(row.serviceDate));
  if (dataKey === null) return null;
  const sealed = { iv: row.recordIv, sealed: row.recordSealed };
  const parsed = parseTapRecord(openRecord(dataKey, sealed, row.recordSm3));
  return (parsed.ok ? parsed.record.asked : undefined) ?? null;
}

/** A journey bears the service date of the tap that begins it, and no entry waits for its exit so long as this. */
const DAYS_BEFORE = 31;

/** By card and date, as journeys lie: an index by the names of their taps would be paid for with every journey, to be used for hardly any. */
async function findJourneyOf(
  { orm }: Database,
  identity: typeof tapIdentity.$inferSelect,
): Promise<typeof journey.$inferSelect | null> {
  const { terminalId, tapSequence, panToken, serviceDate } = identity;
  const day = civilDay(serviceDate);
  const dates = Array.from({ length: DAYS_BEFORE + 1 }, (_, back) =>
    formatCivilDay((day - back) as CivilDay),
  );
  const [made] = await orm
    .select()
    .from(journey)
    .where(
      and(
        inArray(journey.serviceDate, dates),
        eq(journey.panToken, panToken),
        or(
          and(eq(journey.entryTerminalId, terminalId), eq(journey.entryTapSequence, tapSequence)),
          and(eq(journey.exitTerminalId, terminalId), eq(journey.exitTapSequence, tapSequence)),
        ),
      ),
    )
    // A held journey and the one that prices it have the same taps: the newest is what holds.
    .orderBy(desc(journey.settledNo))
    .limit(1);
  return made ?? null;
}
