import { asc, eq, and } from 'drizzle-orm';
import { isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { JourneyTrace } from '../journeys/settle-card.ts';
import type { Database } from './connection.ts';
import { fareAdjustment, journey } from './schema/money.ts';
import { faultsTranslated } from './store-fault.ts';

/** A journey's fare with its trace, and what later rides changed in it. */
export type ExplainedJourney = {
  readonly journeyId: Uint8Array;
  readonly serviceDate: IsoDate;
  readonly outcome: string;
  readonly cause: string | null;
  readonly listFareFen: number | null;
  readonly fareFen: number | null;
  readonly ruleSetId: string | null;
  readonly ruleSetVersion: string | null;
  readonly trace: JourneyTrace;
  readonly resolvesJourneyId: Uint8Array | null;
  /** the journey that prices this held one */
  readonly pricedAsJourneyId: Uint8Array | null;
  readonly adjustments: readonly {
    readonly adjustmentId: Uint8Array;
    readonly causeJourneyId: Uint8Array;
    readonly chargedFen: number;
    readonly fareFen: number;
    readonly trace: JourneyTrace;
  }[];
};

/** By id alone: whoever asks has it from a tap's history or a claim. @throws StoreFault */
export async function findExplanation(
  database: Database,
  journeyId: Uint8Array,
): Promise<ExplainedJourney | null> {
  const { orm } = database;
  return faultsTranslated(async () => {
    const [row] = await orm.select().from(journey).where(eq(journey.journeyId, journeyId)).limit(1);
    if (row === undefined) return null;
    const [pricing] =
      row.outcome === 'held'
        ? await orm
            .select({ journeyId: journey.journeyId })
            .from(journey)
            .where(
              and(
                eq(journey.serviceDate, row.serviceDate),
                eq(journey.panToken, row.panToken),
                eq(journey.resolvesJourneyId, row.journeyId),
              ),
            )
            .limit(1)
        : [];
    const adjustments = await orm
      .select()
      .from(fareAdjustment)
      .where(and(eq(fareAdjustment.panToken, row.panToken), eq(fareAdjustment.journeyId, row.journeyId)))
      .orderBy(asc(fareAdjustment.adjustedNo));
    const { outcome, cause, listFareFen, fareFen, ruleSetId, ruleSetVersion, resolvesJourneyId } = row;
    return {
      ...{ outcome, cause, listFareFen, fareFen, ruleSetId, ruleSetVersion, resolvesJourneyId },
      journeyId: row.journeyId,
      serviceDate: isoDate(row.serviceDate),
      trace: row.trace as JourneyTrace,
      pricedAsJourneyId: pricing?.journeyId ?? null,
      adjustments: adjustments.map((a) => ({
        adjustmentId: a.adjustmentId,
        causeJourneyId: a.causeJourneyId,
        chargedFen: a.chargedFen,
        fareFen: a.fareFen,
        trace: a.trace as JourneyTrace,
      })),
    };
  });
}
