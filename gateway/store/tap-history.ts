import type { TapSequence, TerminalId } from '@tapgate/sdk/wire/identifiers';
import { and, asc, desc, eq, or } from 'drizzle-orm';
import type { Database } from './connection.ts';
import { journey, posting } from './schema/money.ts';
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
};

/** The ciphertext stays where it is: a history shows what was decided, not the evidence. */
const SEALED_COLUMNS = new Set(['recordIv', 'recordSealed']);

function withoutRecord(row: typeof tap.$inferSelect): TapHistory['tap'] {
  const entries = Object.entries(row).filter(([column]) => !SEALED_COLUMNS.has(column));
  return Object.fromEntries(entries) as TapHistory['tap'];
}

/** Each step by key: the identity names date and card, which name the tap; the journey is found by its end. */
export async function findTapHistory(
  database: Database,
  terminalId: TerminalId,
  tapSequence: TapSequence,
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
    const [made] = await orm
      .select()
      .from(journey)
      .where(
        or(
          and(eq(journey.entryTerminalId, terminalId), eq(journey.entryTapSequence, tapSequence)),
          and(eq(journey.exitTerminalId, terminalId), eq(journey.exitTapSequence, tapSequence)),
        ),
      )
      // A held journey and the one that prices it have the same taps: the newest is what holds.
      .orderBy(desc(journey.settledNo))
      .limit(1);
    const postings =
      made === undefined
        ? []
        : await orm
            .select()
            .from(posting)
            .where(and(eq(posting.causeKind, 'journey'), eq(posting.causeId, made.journeyId)))
            .orderBy(asc(posting.lineNo));
    return {
      identity,
      tap: withoutRecord(found),
      unsettledState: unsettled?.state ?? null,
      journey: made ?? null,
      postings,
    };
  });
}
