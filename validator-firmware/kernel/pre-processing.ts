import type { Fen } from '@tapgate/sdk/wire/money';
import type { SupportedApplication, TerminalProfile } from './terminal-profile.ts';

const STATUS_CHECK_AMOUNT_FEN = 100;
const TTQ_OFFLINE_ONLY = 0x08;
const TTQ_ONLINE_CRYPTOGRAM_REQUIRED = 0x80;
const TTQ_CVM_REQUIRED = 0x40;

export type PreparedApplication = {
  readonly application: SupportedApplication;
  /** 9F66 with the bits of this tap */
  readonly ttq: Uint8Array;
};

export type PreProcessing =
  | { readonly kind: 'ready'; readonly applications: readonly PreparedApplication[] }
  /** every application's limit forbids this amount without contact */
  | { readonly kind: 'over_transaction_limit' }
  | { readonly kind: 'zero_amount_offline_only' };

/**
 * Decides before a card is there which applications may take this amount, and what each is told in the TTQ. The per-tap bits
 * start from zero every time: a stale "CVM required" would send later small taps online.
 *
 * NOTE equal-or-greater against greater differs between kernels [unsure]; taken as the reference has it: refused from DF20 on,
 * verified from DF21 on, online above DF19.
 *
 * @spec pboc-contactless.md 2.1, rules 1 to 3
 */
export function preProcess(profile: TerminalProfile, baseTtq: Uint8Array, amountFen: Fen): PreProcessing {
  const isOfflineOnly = ((baseTtq[0] ?? 0) & TTQ_OFFLINE_ONLY) !== 0;
  if (amountFen === 0 && isOfflineOnly) return { kind: 'zero_amount_offline_only' };

  const applications = profile.applications
    .filter((application) => amountFen < application.transactionLimitFen)
    .map((application) => ({ application, ttq: ttqOfTap(profile, application, baseTtq, amountFen) }));
  return applications.length === 0 ? { kind: 'over_transaction_limit' } : { kind: 'ready', applications };
}

function ttqOfTap(
  profile: TerminalProfile,
  application: SupportedApplication,
  baseTtq: Uint8Array,
  amountFen: Fen,
): Uint8Array {
  const asksOnline =
    profile.onlineCryptogram === 'always' ||
    amountFen === 0 ||
    amountFen > application.offlineFloorFen ||
    (profile.statusCheck && amountFen === STATUS_CHECK_AMOUNT_FEN);
  const asksCvm = amountFen >= application.cvmLimitFen;
  const ttq = baseTtq.slice();
  const kept = (ttq[1] ?? 0) & ~(TTQ_ONLINE_CRYPTOGRAM_REQUIRED | TTQ_CVM_REQUIRED);
  ttq[1] = kept | (asksOnline ? TTQ_ONLINE_CRYPTOGRAM_REQUIRED : 0) | (asksCvm ? TTQ_CVM_REQUIRED : 0);
  return ttq;
}
