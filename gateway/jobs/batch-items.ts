import { setImmediate } from 'node:timers/promises';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { addFen, fen } from '@tapgate/sdk/wire/money';
import { civilDay } from '../calendar/civil-day.ts';
import type { AdjustedRange, BatchTerms } from '../clearing/batch-terms.ts';
import {
  RAIL_OF_KIND,
  type Adjustment,
  type BatchIdentity,
  type ClaimChange,
  type ClaimedRide,
  type DeferredCharge,
  type Merchant,
  type PresentedTap,
  type Presentment,
  type WithholdingCause,
} from '../clearing/clearing-batch.ts';
import { readPresentedTap } from '../clearing/presented-tap.ts';
import {
  streamAdjustedRides,
  streamChangedClaims,
  type AdjustedRide,
} from '../store/clearing-adjustments.ts';
import type { UnpresentedAdjustment, WithheldJourney } from '../store/clearing-batches.ts';
import {
  openSealedTaps,
  streamChargedJourneys,
  streamFundedJourneys,
  tapName,
  type ChargedJourney,
  type DataKeyReader,
  type OpenedTap,
  type SealedTap,
  type SettledRange,
  type TapKey,
} from '../store/clearing-journeys.ts';
import type { Database } from '../store/connection.ts';
import { ClearingFault } from './closing.ts';

/** What a batch is made of, in pieces: its items, each with the journeys it stands for, and the journeys that are withheld. */
export type BatchPiece<Item> = {
  readonly items: readonly { readonly item: Item; readonly journeys: readonly ChargedJourney[] }[];
  readonly withheld: readonly WithheldJourney[];
};

/** Changes of what earlier files carried, in pieces: those that have a line, and those that are withheld with their ride. */
export type ChangePiece<Change> = {
  readonly changes: readonly {
    readonly change: Change;
    readonly adjustmentId: Uint8Array;
    /** the ride, by its journey's id */
    readonly ride: string;
    /** an earlier change of the ride is held: this one cannot be carried without it */
    readonly followsHeld: boolean;
    readonly differenceFen: number;
  }[];
  readonly withheld: readonly UnpresentedAdjustment[];
};

export type ItemSource = {
  readonly database: Database;
  readonly dataKeyOf: DataKeyReader;
  readonly range: SettledRange;
  readonly clearingDate: IsoDate;
};

type ProvenJourney = {
  readonly journey: ChargedJourney;
  readonly taps: readonly { readonly atc: number; readonly tap: PresentedTap }[];
};

/** Offline purchases of one bank, one item a journey. */
export async function* presentments(
  source: ItemSource,
  bankId: string,
  tapAgeMaxDays: number,
  merchants: ReadonlyMap<string, Merchant>,
): AsyncGenerator<BatchPiece<Presentment>> {
  for await (const { proven, withheld } of provenJourneys(
    source,
    bankId,
    'offline_purchase',
    tapAgeMaxDays,
  )) {
    const items = proven.map(({ journey, taps }) => {
      const merchant = merchants.get(journey.lineId);
      const tap = taps[0]?.tap;
      if (merchant === undefined) throw new RangeError('a journey has a line that is in no network');
      if (tap === undefined) throw new RangeError('a journey has at least one tap');
      const { serviceDate, psn, fareFen: amountFen } = journey;
      return { item: { serviceDate, psn, amountFen, merchant, tap }, journeys: [journey] };
    });
    yield { items, withheld };
  }
}

/** Deferred charges of one bank, one item a card and service date. */
export async function* deferredCharges(
  source: ItemSource,
  bankId: string,
  tapAgeMaxDays: number,
): AsyncGenerator<BatchPiece<DeferredCharge>> {
  let open: ProvenJourney[] = [];
  for await (const { proven, withheld } of provenJourneys(source, bankId, 'deferred_charge', tapAgeMaxDays)) {
    const items: BatchPiece<DeferredCharge>['items'][number][] = [];
    for (const next of proven) {
      const last = open[0];
      if (last !== undefined && !sameCardAndDate(last.journey, next.journey)) {
        items.push(chargeOf(open));
        open = [];
      }
      open.push(next);
    }
    yield { items, withheld };
  }
  if (open.length > 0) yield { items: [chargeOf(open)], withheld: [] };
}

function sameCardAndDate(a: ChargedJourney, b: ChargedJourney): boolean {
  return a.serviceDate === b.serviceDate && a.psn === b.psn && a.panToken.equals(b.panToken);
}

function chargeOf(card: readonly ProvenJourney[]): BatchPiece<DeferredCharge>['items'][number] {
  const first = card[0];
  if (first === undefined) throw new RangeError('a charge stands for at least one journey');
  const taps = card.flatMap((proven) => proven.taps).sort((a, b) => a.atc - b.atc);
  const { serviceDate, psn } = first.journey;
  const amountFen = card.reduce((sum, proven) => addFen(sum, proven.journey.fareFen), fen(0));
  return {
    item: { serviceDate, psn, amountFen, taps: taps.map((entry) => entry.tap) },
    journeys: card.map((proven) => proven.journey),
  };
}

/** Reads the evidence of every journey; what is too old or cannot be read is withheld, with its cause. */
async function* provenJourneys(
  source: ItemSource,
  bankId: string,
  kind: keyof typeof RAIL_OF_KIND,
  tapAgeMaxDays: number,
): AsyncGenerator<{ proven: ProvenJourney[]; withheld: WithheldJourney[] }> {
  const journeys = streamChargedJourneys(source.database, {
    ...source.range,
    bankId,
    rail: RAIL_OF_KIND[kind],
  });
  const ageOf = ageReader(source.clearingDate);
  for await (const piece of ahead(journeys)) {
    const sealed = piece.flatMap((journey) => journey.taps);
    const keys = await dataKeysOf(source.dataKeyOf, sealed);
    const opened = openSealedTaps(sealed, (serviceDate) => keys.get(serviceDate) ?? null);
    const proven: ProvenJourney[] = [];
    const withheld: WithheldJourney[] = [];
    let at = 0;
    for (const journey of piece) {
      const own = opened.slice(at, at + journey.taps.length);
      at += journey.taps.length;
      const read = ageOf(journey.serviceDate) > tapAgeMaxDays ? 'tap_too_old' : readTaps(own);
      if (typeof read === 'string') withheld.push(withheldJourney(journey, read));
      else proven.push({ journey, taps: read });
    }
    yield { proven, withheld };
  }
}

/** Days from a service date to the clearing date; a file has few dates and very many journeys. */
function ageReader(clearingDate: IsoDate): (serviceDate: IsoDate) => number {
  const today = civilDay(clearingDate);
  const known = new Map<IsoDate, number>();
  return (serviceDate) => {
    const present = known.get(serviceDate);
    if (present !== undefined) return present;
    const age = today - civilDay(serviceDate);
    known.set(serviceDate, age);
    return age;
  };
}

async function dataKeysOf(
  dataKeyOf: DataKeyReader,
  taps: readonly (SealedTap | null)[],
): Promise<ReadonlyMap<IsoDate, Uint8Array | null>> {
  const keys = new Map<IsoDate, Uint8Array | null>();
  for (const tap of taps) {
    if (tap !== null && !keys.has(tap.serviceDate))
      keys.set(tap.serviceDate, await dataKeyOf(tap.serviceDate));
  }
  return keys;
}

/** Asks for the next piece while the last one is worked on. */
async function* ahead<Piece>(pieces: AsyncGenerator<Piece>): AsyncGenerator<Piece> {
  let next = pieces.next();
  try {
    for (;;) {
      const piece = await next;
      if (piece.done === true) return;
      next = pieces.next();
      // A failure is thrown when the piece is awaited; until then it must not count as unhandled.
      next.catch(() => undefined);
      // postgres.js sends what it was asked when the event loop comes round; without this turn the database would wait for the work's end.
      await setImmediate();
      yield piece.value;
    }
  } finally {
    await next.catch(() => undefined);
    await pieces.return(undefined);
  }
}

function readTaps(opened: readonly (OpenedTap | null)[]): ProvenJourney['taps'] | WithholdingCause {
  const read: { atc: number; tap: PresentedTap }[] = [];
  for (const own of opened) {
    if (own === null) return 'evidence_unreadable';
    const tap = readPresentedTap(own.record);
    if ('withheld' in tap) return tap.withheld;
    read.push({ atc: own.atc, tap });
  }
  return read.length === 0 ? 'evidence_missing' : read;
}

export function withheldJourney(journey: ChargedJourney, cause: WithholdingCause): WithheldJourney {
  const { journeyId, serviceDate, panToken, fareFen: amountFen } = journey;
  return { journeyId, serviceDate, panToken, cause, amountFen };
}

/** Rides that a funder pays for; a claim withholds nothing. */
export async function* claimedRides(
  source: ItemSource,
  funder: string,
  claimSalt: Uint8Array,
): AsyncGenerator<BatchPiece<ClaimedRide>> {
  for await (const piece of ahead(streamFundedJourneys(source.database, { ...source.range, funder }))) {
    const items = piece.map(({ panToken, journeyId, entry, exit, ...ride }) => ({
      item: {
        ...ride,
        journeyId: upperHex(journeyId),
        cardPseudonym: pseudonymOf(claimSalt, panToken),
        entryTap: nameOf(entry),
        exitTap: nameOf(exit),
      },
      journeys: [],
    }));
    yield { items, withheld: [] };
  }
}

/**
 * The adjustments that a bank's batch took, each with the tap by which the bank knows the ride. One whose ride was withheld is withheld too, and
 * so is one whose tap opens no more.
 *
 * @throws ClearingFault ride_not_presented while the batch of an adjusted ride is not made: nobody knows yet whether the ride is in it
 */
export async function* adjustments(
  source: Pick<ItemSource, 'database' | 'dataKeyOf'>,
  batch: BatchIdentity,
  { adjusted, merchants }: Pick<BatchTerms, 'adjusted' | 'merchants'>,
): AsyncGenerator<ChangePiece<Adjustment>> {
  if (batch.kind === 'subsidy_claim') throw new RangeError('a claim has changes of its own');
  if (adjusted.upToAdjustedNo === adjusted.afterAdjustedNo) return;
  const wanted = { ...adjusted, batch, rail: RAIL_OF_KIND[batch.kind] };
  for await (const piece of streamAdjustedRides(source.database, wanted)) {
    const sealed = piece.map((ride) => ride.tap);
    const keys = await dataKeysOf(source.dataKeyOf, sealed);
    const opened = openSealedTaps(sealed, (serviceDate) => keys.get(serviceDate) ?? null);
    const changes: ChangePiece<Adjustment>['changes'][number][] = [];
    const withheld: UnpresentedAdjustment[] = [];
    piece.forEach((ride, index) => {
      if (!ride.isRideMade) throw new ClearingFault('ride_not_presented', batch);
      const { adjustmentId } = ride;
      const differenceFen = ride.fareFen - ride.chargedFen;
      const read = ride.isRideWithheld ? 'ride_withheld' : readTaps([opened[index] ?? null]);
      if (typeof read === 'string') {
        withheld.push({ adjustmentId, state: 'withheld', cause: read, differenceFen });
        return;
      }
      const [first] = read;
      if (first === undefined) throw new RangeError('what was read is a tap');
      changes.push({
        change: adjustmentOf(ride, first.tap, merchants),
        ride: upperHex(ride.journeyId),
        followsHeld: ride.followsHeld,
        ...{ adjustmentId, differenceFen },
      });
    });
    yield { changes, withheld };
  }
}

function adjustmentOf(ride: AdjustedRide, tap: PresentedTap, merchants: BatchTerms['merchants']): Adjustment {
  const { serviceDate, psn, chargedFen, fareFen, reason, presentedOn } = ride;
  return {
    ...{ serviceDate, psn, tap, chargedFen, fareFen, reason, presentedOn },
    adjustmentId: upperHex(ride.adjustmentId),
    merchant: merchants[ride.lineId] ?? null,
  };
}

/** The changes of a funder's shares that a claim took; a claim withholds nothing. */
export async function* claimChanges(
  source: Pick<ItemSource, 'database'>,
  funder: string,
  claimSalt: Uint8Array,
  adjusted: AdjustedRange,
): AsyncGenerator<ChangePiece<ClaimChange>> {
  if (adjusted.upToAdjustedNo === adjusted.afterAdjustedNo) return;
  for await (const piece of streamChangedClaims(source.database, { ...adjusted, funder })) {
    const changes = piece.map(({ panToken, adjustmentId, journeyId, concessionRuleId, ...claim }) => ({
      change: {
        ...claim,
        adjustmentId: upperHex(adjustmentId),
        journeyId: upperHex(journeyId),
        cardPseudonym: pseudonymOf(claimSalt, panToken),
        concessionRuleId: concessionRuleId ?? '',
      },
      adjustmentId,
      ride: upperHex(journeyId),
      followsHeld: false,
      differenceFen: claim.afterFen - claim.beforeFen,
    }));
    yield { changes, withheld: [] };
  }
}

function pseudonymOf(claimSalt: Uint8Array, panToken: Uint8Array): string {
  return upperHex(hmacSm3(claimSalt, panToken)).slice(0, 32);
}

function nameOf(key: TapKey | null): string {
  return key === null ? '' : tapName(key);
}

function upperHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}
