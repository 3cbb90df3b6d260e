import type { CryptogramType } from '@tapgate/sdk/emv/iad';
import type { CardExchange } from '@tapgate/sdk/tap-record/card-exchange';
import type { TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import type { Refusal } from '@tapgate/sdk/wire/refusals';
import type { TraceEntry } from './phases.ts';

/** What was said between terminal and card from the selection of an application on, verbatim. */
export type SelectedExchange = CardExchange & {
  /** 84 of the selected application's FCI */
  readonly dfName: Uint8Array;
};

/**
 * How a tap ended for the kernel.
 *
 * - approved: the card's act and its proof are enough for this rail
 * - online: the card asks its issuer and the terminal may ask now
 * - declined: not with this card, not now
 * - try_again: the card left too early; the same card may come again
 * - other_interface: the card or a limit asks for the contact interface
 */
export type KernelOutcome = {
  readonly kind: 'approved' | 'online' | 'declined' | 'try_again' | 'other_interface';
  /** null exactly when approved or online */
  readonly refusal: Refusal | null;
  /** null when no application was selected */
  readonly exchange: SelectedExchange | null;
  /** null when the card's data could not all be read */
  readonly evidence: TapEvidence | null;
  readonly cryptogramType: CryptogramType | null;
  readonly trace: readonly TraceEntry[];
};
