import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { Rail } from '@tapgate/sdk/wire/rails';

/** One application that the terminal takes, with its limits. The order of a profile's list is the terminal's own priority. */
export type SupportedApplication = {
  /** upper-case hex, 5 to 16 bytes */
  readonly aid: string;
  /** whether a card's name that only begins with it is taken too (DF01) */
  readonly partialSelection: boolean;
  /** DF19: above it, an online cryptogram is asked for */
  readonly offlineFloorFen: Fen;
  /** DF20: from it on, contactless is not allowed */
  readonly transactionLimitFen: Fen;
  /** DF21: from it on, a cardholder verification is asked for */
  readonly cvmLimitFen: Fen;
};

/**
 * How a terminal asks a card on one rail: data, so that a scheme's wish is a row and not a branch. Bytes are upper-case hex, as
 * the specification prints them.
 */
export type TerminalProfile = {
  readonly name: string;
  readonly rail: Rail;
  readonly applications: readonly SupportedApplication[];
  /** what a card without a contactless directory means: try the list above, or no card for us */
  readonly withoutDirectory: 'try_applications' | 'refuse';
  /**
   * `probe`: GPO carries this amount whatever the fare; which one a scheme wants is [unsure] (000000000000, or CNY 1.00 under
   * status check), hence a setting. `fare`: GPO carries the fare.
   */
  readonly amount: { readonly kind: 'probe'; readonly amountFen: Fen } | { readonly kind: 'fare' };
  /** `always` asks every card for an online cryptogram; `by_limits` only above the offline floor */
  readonly onlineCryptogram: 'always' | 'by_limits';
  /** CNY 1.00 exactly is a question for the card's state and not a payment */
  readonly statusCheck: boolean;
  /** what an ARQC is good for: `deferred` opens on its dynamic signature and asks later (transit ODA), `live` asks now */
  readonly onlineAuthorisation: 'deferred' | 'live' | 'none';
  /** 9F66 without its per-tap bits */
  readonly ttq: string;
  /** DF69 */
  readonly smSupported: boolean;
  /** whether a tap counts whose last record was lost, when nothing in it is needed for the proof (2.8 [unsure]) */
  readonly acceptsWithoutLastRecord: boolean;
  /**
   * what a card's wish for a PIN or a signature (CTQ) means where the terminal has neither: `honoured` refuses the card,
   * `waived` lets it pass, as schemes do for fares [unsure]
   */
  readonly cardVerification: 'honoured' | 'waived';
  /** further objects by tag: 9F1A, 5F2A, 9C, and those that only clearing needs (9F33, 9F35, 9F34, 9F09) */
  readonly terminalObjects: Readonly<Record<string, string>>;
};

const BASE_TTQS = new WeakMap<TerminalProfile, Uint8Array>();

/** 9F66 of a profile as bytes, read from its hex once; nobody may change them. */
export function baseTtqOf(profile: TerminalProfile): Uint8Array {
  let ttq = BASE_TTQS.get(profile);
  if (ttq === undefined) BASE_TTQS.set(profile, (ttq = bytesFromHex(profile.ttq)));
  return ttq;
}

const TTQ_OFFLINE_ONLY = 0x08;
const SOCIAL_SECURITY_NAMES = ['7378312E73682E', 'D156000005'];

/**
 * Checks a profile once, where it is loaded.
 *
 * @throws RangeError for an application that is a social-security one (its data are not needed to open a gate:
 *   pboc-contactless.md 1.2), limits out of order, a TTQ that is not 4 bytes, or an amount of zero at an offline-only
 *   terminal, which must end every tap (2.1 rule 2)
 */
export function checkTerminalProfile(profile: TerminalProfile): TerminalProfile {
  for (const { aid, offlineFloorFen, cvmLimitFen, transactionLimitFen } of profile.applications) {
    const length = bytesFromHex(aid).length;
    if (length < 5 || length > 16) throw new RangeError('an AID has 5 to 16 bytes');
    if (SOCIAL_SECURITY_NAMES.some((name) => aid.startsWith(name) || name.startsWith(aid)))
      throw new RangeError('a gate never selects the social-security application');
    if (offlineFloorFen > transactionLimitFen || cvmLimitFen > transactionLimitFen)
      throw new RangeError('the offline floor and the CVM limit lie within the transaction limit');
  }
  const ttq = bytesFromHex(profile.ttq);
  if (ttq.length !== 4) throw new RangeError('a TTQ has 4 bytes');
  const isOfflineOnly = ((ttq[0] ?? 0) & TTQ_OFFLINE_ONLY) !== 0;
  if (isOfflineOnly && profile.amount.kind === 'probe' && profile.amount.amountFen === 0)
    throw new RangeError('an offline-only terminal ends every tap with amount zero');
  return profile;
}
