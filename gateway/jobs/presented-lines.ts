import iconv from 'iconv-lite';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Rail } from '@tapgate/sdk/wire/rails';
import type {
  BatchFormat,
  BatchKind,
  ClaimedRide,
  PresentedTap,
  Withheld,
} from '../clearing/clearing-batch.ts';
import { cupTc526 } from '../clearing/formats/cup-tc-526.ts';
import { deferredCharge } from '../clearing/formats/deferred-charge.ts';
import { pain008 } from '../clearing/formats/pain-008.ts';
import { subsidyClaim } from '../clearing/formats/subsidy-claim.ts';
import type { ClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { readClearingParties } from '../store/clearing-batches.ts';
import type { DataKeyReader } from '../store/clearing-journeys.ts';
import type { Database } from '../store/connection.ts';
import {
  claimedRides,
  deferredCharges,
  presentments,
  type BatchPiece,
  type ItemSource,
} from './batch-items.ts';

/** How one settled journey stands, or would stand at a cut-over now, in the files of its parties. */
export type PresentedLine = {
  readonly party: string;
  readonly kind: BatchKind;
  /** the item's text with the PAN masked; for a withheld journey its cause */
  readonly line: string;
};

export type PresentedLinesParts = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly dataKeyOf: DataKeyReader;
  readonly profiles: ClearingProfiles;
};

type PresentableJourney = {
  readonly serviceDate: IsoDate;
  readonly settledNo: number;
  readonly outcome: string;
  readonly rail: Rail;
  readonly bankId: string | null;
  readonly fareFen: number | null;
  readonly funder: string | null;
  readonly claimedFen: number | null;
};

/**
 * Builds the items of one journey with the formats that build whole files, so that what people are shown is what a party gets. A
 * deferred charge shows this journey alone; in the file its card's other journeys of the date are added to it.
 *
 * @throws StoreFault, KeyFault
 */
export async function presentedLines(
  parts: PresentedLinesParts,
  journey: PresentableJourney,
): Promise<readonly PresentedLine[]> {
  const { database, dataKeyOf, profiles, keys } = parts;
  const parties = await readClearingParties(database);
  const source: ItemSource = {
    database,
    dataKeyOf,
    range: { afterSettledNo: journey.settledNo - 1, upToSettledNo: journey.settledNo },
    clearingDate: journey.serviceDate,
  };
  const lines: PresentedLine[] = [];
  const bank = parties.banks.find((known) => known.bankId === journey.bankId);
  if (bank !== undefined && journey.outcome === 'chargeable' && (journey.fareFen ?? 0) > 0) {
    const profile = profiles.of(bank.bankId, bank.unionpayId);
    const identity = { party: bank.bankId, clearingDate: journey.serviceDate, sequence: 1 };
    if (journey.rail === 'offline_purchase') {
      const batch = { ...identity, kind: 'offline_purchase' } as const;
      const items = presentments(source, bank.bankId, profile.tapAgeMaxDays, parties.merchants);
      const show = (bytes: Uint8Array): string => iconv.decode(Buffer.from(bytes), 'gb18030');
      lines.push(...(await linesOf(batch, cupTc526(batch, profile, 0), items, ({ tap }) => [tap], show)));
    } else {
      const batch = { ...identity, kind: 'deferred_charge' } as const;
      const items = deferredCharges(source, bank.bankId, profile.tapAgeMaxDays);
      // Neither of the two dates of a message stands in its items.
      const format =
        profile.deferredCharges === 'deferred-charge'
          ? deferredCharge(batch, { ...bank, edition: profile.deferredChargeEdition })
          : pain008(batch, profile, {
              cutAtMs: 0,
              collectionDate: journey.serviceDate,
              bankCnapsCode: bank.cnapsCode,
            });
      lines.push(...(await linesOf(batch, format, items, ({ taps }) => taps, utf8)));
    }
  }
  if (journey.funder !== null && (journey.claimedFen ?? 0) > 0) {
    const batch = {
      party: journey.funder,
      kind: 'subsidy_claim',
      clearingDate: journey.serviceDate,
      sequence: 1,
    } as const;
    const items = claimedRides(source, journey.funder, keys.claimSalt());
    const noTaps = (_ride: ClaimedRide): readonly PresentedTap[] => [];
    lines.push(...(await linesOf(batch, subsidyClaim(batch, 1), items, noTaps, utf8)));
  }
  return lines;
}

const utf8 = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

async function linesOf<Item, Change>(
  { party, kind }: { readonly party: string; readonly kind: BatchKind },
  format: Pick<BatchFormat<Item, Change>, 'item'>,
  pieces: AsyncIterable<BatchPiece<Item>>,
  tapsOf: (item: Item) => readonly PresentedTap[],
  show: (bytes: Uint8Array) => string,
): Promise<PresentedLine[]> {
  const lines: PresentedLine[] = [];
  for await (const { items, withheld } of pieces) {
    for (const { cause } of withheld) lines.push({ party, kind, line: `withheld: ${cause}` });
    for (const { item } of items) {
      const bytes: Uint8Array | Withheld = format.item(item, 1);
      const line = 'withheld' in bytes ? `withheld: ${bytes.withheld}` : show(bytes).trimEnd();
      lines.push({ party, kind, line: masked(line, tapsOf(item)) });
    }
  }
  return lines;
}

/** Every PAN of the item, first six and last four digits left; the width of a fixed field stays as it is. */
function masked(line: string, taps: readonly PresentedTap[]): string {
  let text = line;
  for (const { pan } of taps)
    text = text.replaceAll(
      pan,
      `${pan.slice(0, 6)}${'*'.repeat(Math.max(0, pan.length - 10))}${pan.slice(-4)}`,
    );
  return text;
}
