import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { BatchTerms } from '../clearing/batch-terms.ts';
import type { BatchFormat, BatchIdentity, DeferredCharge } from '../clearing/clearing-batch.ts';
import { cupTc526 } from '../clearing/formats/cup-tc-526.ts';
import { deferredCharge } from '../clearing/formats/deferred-charge.ts';
import { pain008 } from '../clearing/formats/pain-008.ts';
import { subsidyClaim } from '../clearing/formats/subsidy-claim.ts';
import type { WithheldJourney } from '../store/clearing-batches.ts';
import type { DataKeyReader } from '../store/clearing-journeys.ts';
import {
  adjustments,
  claimChanges,
  claimedRides,
  deferredCharges,
  presentments,
  type ItemSource,
} from './batch-items.ts';
import { buildFile, type BuiltFile } from './build-batch.ts';
import { ClearingFault, type BatchPlace, type FileMaking } from './closing.ts';

/**
 * Makes the file of a batch under its temporary name, from the journeys of the cut-over's range and the batch's terms and from
 * nothing else: the same ones give the same bytes.
 *
 * @throws StoreFault; ClearingFault banking_day_unknown
 */
export function makeBatchFile(
  making: FileMaking,
  batch: BatchIdentity,
  terms: BatchTerms,
  place: BatchPlace,
  keepWithheld: (withheld: readonly WithheldJourney[]) => Promise<void>,
): Promise<BuiltFile> {
  const { database, dataKeyOf, keys, reached, cut } = making;
  const { profile } = terms;
  const watch = { keepWithheld, pieceWritten: () => reached?.('piece_written', batch) };
  const source: ItemSource = {
    database,
    dataKeyOf: unwrappedOnce(dataKeyOf),
    range: cut,
    clearingDate: batch.clearingDate,
  };
  switch (batch.kind) {
    case 'offline_purchase': {
      const merchants = new Map(Object.entries(terms.merchants));
      const items = presentments(source, batch.party, profile.tapAgeMaxDays, merchants);
      const changes = adjustments(source, batch, terms);
      return buildFile(place, cupTc526(batch, profile, cut.cutAtMs), items, changes, watch);
    }
    case 'deferred_charge': {
      const items = deferredCharges(source, batch.party, profile.tapAgeMaxDays);
      const changes = adjustments(source, batch, terms);
      return buildFile(place, deferredFormat(batch, terms, cut.cutAtMs), items, changes, watch);
    }
    case 'subsidy_claim': {
      const items = claimedRides(source, batch.party, keys.claimSalt());
      const changes = claimChanges(source, batch.party, keys.claimSalt(), terms.adjusted);
      return buildFile(place, subsidyClaim(batch, profile.subsidyClaimEdition), items, changes, watch);
    }
  }
}

function deferredFormat(
  batch: BatchIdentity,
  terms: BatchTerms,
  cutAtMs: number,
): BatchFormat<DeferredCharge> {
  const { profile, cnapsCode, collectionDate } = terms;
  if (cnapsCode === null) throw new RangeError('deferred charges are for a bank');
  if (profile.deferredCharges === 'deferred-charge')
    return deferredCharge(batch, { cnapsCode, edition: profile.deferredChargeEdition });
  if (collectionDate === null) throw new ClearingFault('banking_day_unknown', batch);
  return pain008(batch, profile, { cutAtMs, collectionDate, bankCnapsCode: cnapsCode });
}

/** A key is unwrapped once a file, not once a tap. */
function unwrappedOnce(dataKeyOf: DataKeyReader): DataKeyReader {
  const opened = new Map<IsoDate, Uint8Array | null>();
  return async (serviceDate) => {
    const present = opened.get(serviceDate);
    if (present !== undefined) return present;
    const key = await dataKeyOf(serviceDate);
    opened.set(serviceDate, key);
    return key;
  };
}
