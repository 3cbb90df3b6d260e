import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { TapVerdict } from '@tapgate/sdk/wire/verdict';
import { NO_CARD } from '../ingest/authenticate-record.ts';
import { serviceDateOf } from '../ingest/service-date.ts';
import type { AcceptedTap, DeliveryKey } from '../store/accept-taps.ts';
import type { DataKeys } from '../store/data-keys.ts';
import { sealRecords, type SealedRecord } from '../store/sealed-record.ts';
import { causeOf, type TapUnderWay } from './tap-group.ts';

/**
 * What of a batch is to be written: a row for each tap that was accepted, its record sealed under the key of its service date, and
 * the names of those that were there before.
 */
export async function rowsOf(
  batch: readonly TapUnderWay[],
  dataKeys: Pick<DataKeys, 'forWriting'>,
): Promise<{ readonly rows: AcceptedTap[]; readonly repeats: DeliveryKey[] }> {
  const repeats: DeliveryKey[] = [];
  const byDate = new Map<IsoDate, { underWay: TapUnderWay; verdict: TapVerdict; claimsAct: boolean }[]>();
  for (const underWay of batch) {
    const { judgement, tap } = underWay;
    if (judgement?.kind !== 'accepted') {
      repeats.push({ terminalId: tap.record.terminalId, tapSequence: tap.record.tapSequence });
      continue;
    }
    const serviceDate = serviceDateOf(tap.placement, tap.record.tappedAtMs);
    const ofDate = byDate.get(serviceDate) ?? [];
    ofDate.push({ underWay, verdict: judgement.verdict, claimsAct: judgement.claimsAct });
    byDate.set(serviceDate, ofDate);
  }
  const rows: AcceptedTap[] = [];
  for (const [serviceDate, accepted] of byDate) {
    const dataKey = await dataKeys.forWriting(serviceDate);
    const sealed = sealRecords(
      dataKey,
      accepted.map(({ underWay }) => underWay.tap.bytes),
    );
    accepted.forEach(({ underWay, verdict, claimsAct }, index) => {
      const own = sealed[index];
      if (own === undefined) throw new RangeError('every record is sealed');
      rows.push(rowOf(underWay, { verdict, claimsAct, serviceDate }, own));
    });
  }
  return { rows, repeats };
}

function rowOf(
  underWay: TapUnderWay,
  judged: { readonly verdict: TapVerdict; readonly claimsAct: boolean; readonly serviceDate: IsoDate },
  { iv, sealed }: SealedRecord,
): AcceptedTap {
  const { tap, order, facts } = underWay;
  const { record, placement, card } = tap;
  const { verdict, claimsAct, serviceDate } = judged;
  return {
    terminalId: record.terminalId,
    tapSequence: record.tapSequence,
    recordSm3: tap.recordSm3,
    outcome: verdict.outcome,
    cause: causeOf(verdict),
    panToken: card.panToken,
    psn: card.psn,
    atc: card.atc,
    claimsActWith: claimsAct ? card.cryptogram : null,
    newCertificateSm3: underWay.certificateSm3,
    serviceDate,
    tappedAtMs: record.tappedAtMs,
    receivedAtMs: order.nowMs,
    operatorId: placement.operatorId,
    lineId: placement.lineId,
    stationId: placement.stationId,
    rail: record.rail,
    tapKind: record.tapKind,
    amountFen: card.amountFen,
    gateDecision: record.gateDecision,
    ruleSetVersion: record.ruleSetVersion,
    hotlistVersion: record.hotlistVersion,
    bankId: tap.bankId,
    atcBelowHighest: claimsAct && card.atc < (facts?.highestAtc ?? 0),
    recordIv: iv,
    recordSealed: sealed,
  };
}

/**
 * Splits a batch so that no delivery and no act stands in it twice; what comes second is judged again once the first is
 * durable, and then finds it.
 */
export function distinctIdentities(taps: readonly TapUnderWay[]): {
  batch: TapUnderWay[];
  again: TapUnderWay[];
} {
  const taken = new Set<string>();
  const batch: TapUnderWay[] = [];
  const again: TapUnderWay[] = [];
  for (const underWay of taps) {
    const { tap, judgement } = underWay;
    if (judgement?.kind === 'duplicate') {
      batch.push(underWay);
      continue;
    }
    const delivery = `${tap.record.terminalId}|${tap.record.tapSequence}`;
    const act = `${tap.card.panToken}|${tap.card.psn}|${tap.card.atc}`;
    const isTaken = taken.has(delivery) || (tap.card.panToken !== NO_CARD && taken.has(act));
    if (isTaken) {
      again.push(underWay);
      continue;
    }
    taken.add(delivery).add(act);
    batch.push(underWay);
  }
  return { batch, again };
}
