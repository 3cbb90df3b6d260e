import { setImmediate } from 'node:timers/promises';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { addFen, fen } from '@tapgate/sdk/wire/money';
import { civilDay } from '../calendar/civil-day.ts';
import {
  RAIL_OF_KIND,
  type ClaimedRide,
  type DeferredCharge,
  type Merchant,
  type PresentedTap,
  type Presentment,
  type WithholdingCause,
} from '../clearing/clearing-batch.ts';
import { readPresentedTap } from '../clearing/presented-tap.ts';
import type { WithheldJourney } from '../store/clearing-batches.ts';
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

/** What a batch is made of, in pieces: its items, each with the journeys it stands for, and the journeys that are withheld. */
export type BatchPiece<Item> = {
  readonly items: readonly { readonly item: Item; readonly journeys: readonly ChargedJourney[] }[];
  readonly withheld: readonly WithheldJourney[];
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
        cardPseudonym: upperHex(hmacSm3(claimSalt, panToken)).slice(0, 32),
        entryTap: nameOf(entry),
        exitTap: nameOf(exit),
      },
      journeys: [],
    }));
    yield { items, withheld: [] };
  }
}

function nameOf(key: TapKey | null): string {
  return key === null ? '' : tapName(key);
}

function upperHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}
