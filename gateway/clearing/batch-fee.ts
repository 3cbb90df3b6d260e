import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import { divideFen, fen, type Fen } from '@tapgate/sdk/wire/money';
import type { BatchKind } from './clearing-batch.ts';
import type { ClearingProfile } from './clearing-profile.ts';

const PARTS = 100_000;

/**
 * What the bank is expected to keep of a batch, by the row that is valid on the clearing date: the latest first date that is
 * not after it. Computed on the sum and rounded half up once: 0.35 % of a 2-yuan fare is 0.7 fen, and rounding each tap would
 * make 30 % more or nothing (clearing.md section 5). Null where no row is valid, which is not the same as a fee of zero.
 *
 * NOTE whether a bank returns its fee on what is given back is nowhere stated; here it does, down to a fee of zero.
 *
 * @param batch totalFen: what the bank owes by the batch, adjustments included
 */
export function batchFee(
  profile: Pick<ClearingProfile, 'fees'>,
  batch: { readonly kind: BatchKind; readonly clearingDate: IsoDate; readonly totalFen: Fen },
): Fen | null {
  let valid: ClearingProfile['fees'][number] | null = null;
  for (const row of profile.fees) {
    if (row.kind !== batch.kind || row.validFrom > batch.clearingDate) continue;
    if (valid === null || row.validFrom > valid.validFrom) valid = row;
  }
  if (valid === null) return null;
  return divideFen(fen(Math.max(0, batch.totalFen) * valid.perHundredThousand), PARTS, 'halfUp');
}
