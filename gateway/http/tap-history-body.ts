import type { z } from '@hono/zod-openapi';
import { hex } from '@tapgate/sdk/emv/hex';
import { TAP_OUTCOMES } from '@tapgate/sdk/wire/verdict';
import type { PresentedLine } from '../jobs/presented-lines.ts';
import type { TapHistory } from '../store/tap-history.ts';
import type { TapHistoryBody } from './wire-schemas.ts';

/** A tap's history as it is shown: no PAN is in it, because none is in what it is made of. */
export function tapHistoryBody(
  history: TapHistory,
  clearing: readonly PresentedLine[],
): z.output<typeof TapHistoryBody> {
  const { identity, tap, journey, postings, unsettledState, asked } = history;
  const { terminalId, tapSequence, cause, repeats } = identity;
  const outcome = TAP_OUTCOMES.find((known) => known === identity.outcome);
  if (outcome === undefined) throw new RangeError('a stored outcome is one of the known ones');
  return {
    verdict: { terminalId, tapSequence, outcome, cause, repeats },
    tap: {
      serviceDate: tap.serviceDate,
      tappedAt: tap.tappedAt.toISOString(),
      receivedAt: tap.receivedAt.toISOString(),
      panToken: hex(tap.panToken),
      psn: tap.psn,
      atc: tap.atc,
      operatorId: tap.operatorId,
      lineId: tap.lineId,
      stationId: tap.stationId,
      rail: tap.rail,
      tapKind: tap.tapKind,
      amountFen: tap.amountFen,
      gateDecision: tap.gateDecision,
      asked,
      ruleSetVersion: tap.ruleSetVersion,
      hotlistVersion: tap.hotlistVersion,
      bankId: tap.bankId,
      atcBelowHighest: tap.atcBelowHighest === 1,
      recordSm3: hex(tap.recordSm3),
    },
    settlement: settlementOf(unsettledState, journey !== null),
    journey:
      journey === null
        ? null
        : {
            journeyId: hex(journey.journeyId),
            completeness: journey.completeness,
            outcome: journey.outcome,
            cause: journey.cause,
            startedAt: journey.startedAt.toISOString(),
            endedAt: journey.endedAt.toISOString(),
            listFareFen: journey.listFareFen,
            fareFen: journey.fareFen,
            ruleSetId: journey.ruleSetId,
            ruleSetVersion: journey.ruleSetVersion,
            concessionRuleId: journey.concessionRuleId,
            riderCategory: journey.riderCategory,
            funder: journey.funder,
            shortfallFen: journey.shortfallFen,
            claimedFen: journey.claimedFen,
            settledNo: journey.settledNo,
            trace: journey.trace,
          },
    postings: postings.map((line) => ({
      postingId: hex(line.postingId),
      lineNo: line.lineNo,
      purse: line.purse,
      debitAccount: line.debitAccount,
      creditAccount: line.creditAccount,
      amountFen: line.amountFen,
      state: line.state,
    })),
    clearing: [...clearing],
  };
}

/** A tap that the gate denied never settles: there is no money in it. */
function settlementOf(
  unsettledState: string | null,
  hasJourney: boolean,
): 'settled' | 'ready' | 'waiting' | 'none' {
  if (unsettledState === 'ready' || unsettledState === 'waiting') return unsettledState;
  return hasJourney ? 'settled' : 'none';
}
