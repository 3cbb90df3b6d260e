import { equalBytes } from './hex.ts';
import { odaRefused, type OdaRefused } from './oda-refusal.ts';

/** fDDA 00 signs the unpredictable number only; 01 also amount, currency and the card's own random and qualifiers (9F69). */
export type FddaVersion = '00' | '01';

/** What the choice of the version rests on; values by tag, as exchanged in this tap. */
export type FddaFacts = {
  /** 9F66 as sent in this tap */
  readonly ttq: Uint8Array;
  /** 9F69, null when the card gave none */
  readonly cardAuthenticationData: Uint8Array | null;
  /** 9F6C, null when the card gave none */
  readonly ctq: Uint8Array | null;
  /** 9F08, null when the card gave none */
  readonly cardApplicationVersion: Uint8Array | null;
  readonly algorithm: 'RSA' | 'SM2';
};

/**
 * What a reader refuses beyond the format. `gate`: version 00 does not bind the amount, so an SM card must not use it. Both
 * rules are [likely] in the reference, hence data.
 */
export type FddaPolicy = {
  /** algorithms whose cards may use version 00 */
  readonly version00Algorithms: readonly FddaFacts['algorithm'][];
  /** refuse 00 from a card of this application version or later when the reader announced 01; null: take it */
  readonly version01FromApplicationVersion: number | null;
  /** 9F69 must carry the qualifiers of 9F6C where the card gave both */
  readonly comparesCtq: boolean;
};
export const FDDA_POLICY_GATE: FddaPolicy = {
  version00Algorithms: ['RSA'],
  version01FromApplicationVersion: 0x0030,
  comparesCtq: true,
};

const TTQ_FDDA_01 = 0x80;

/**
 * Decides which version of fDDA this tap used: 01 when the card gave 9F69 and the reader announced it (TTQ 4.8), else 00.
 *
 * @refuses fdda_version_refused (00 where the policy wants 01), card_authentication_data_invalid (9F69 not 5 to 16 bytes
 *   beginning 01), ctq_mismatch
 * @spec pboc-contactless.md 4.4 and 2.7 ("a PBOC 3.0 card that answers with fDDA 00 to a reader that announced 01 is refused")
 */
export function decideFddaVersion(
  facts: FddaFacts,
  policy: FddaPolicy = FDDA_POLICY_GATE,
): { readonly ok: true; readonly version: FddaVersion } | OdaRefused {
  const { cardAuthenticationData, ctq } = facts;
  const announced01 = ((facts.ttq[3] ?? 0) & TTQ_FDDA_01) !== 0;
  if (cardAuthenticationData === null || !announced01) {
    if (!policy.version00Algorithms.includes(facts.algorithm))
      return odaRefused('fdda_version_refused', '9F69');
    if (announced01 && isCardFrom(facts.cardApplicationVersion, policy.version01FromApplicationVersion)) {
      return odaRefused('fdda_version_refused', '9F69');
    }
    return { ok: true, version: '00' };
  }
  if (
    cardAuthenticationData.length < 5 ||
    cardAuthenticationData.length > 16 ||
    cardAuthenticationData[0] !== 0x01
  ) {
    return odaRefused('card_authentication_data_invalid', '9F69');
  }
  // 9F69: version 1, card random 4, CTQ 2, optional rest.
  if (policy.comparesCtq && ctq !== null && cardAuthenticationData.length >= 7) {
    if (!equalBytes(cardAuthenticationData.subarray(5, 7), ctq)) return odaRefused('ctq_mismatch', '9F6C');
  }
  return { ok: true, version: '01' };
}

function isCardFrom(cardVersion: Uint8Array | null, from: number | null): boolean {
  if (from === null || cardVersion?.length !== 2) return false;
  return (cardVersion[0] ?? 0) * 256 + (cardVersion[1] ?? 0) >= from;
}

/** What the terminal sent and received that a dynamic signature covers. */
export type FddaTerminalValues = {
  /** 9F37 */
  readonly unpredictableNumber: Uint8Array;
  /** 9F02, 6 bytes as sent */
  readonly amount: Uint8Array;
  /** 5F2A */
  readonly currency: Uint8Array;
  /** 9F69 as received, whole */
  readonly cardAuthenticationData: Uint8Array | null;
};

/**
 * The terminal data of an fDDA signature: version 00 9F37; version 01 9F37, 9F02, 5F2A, 9F69. The ATC is not among it, because
 * the dynamic number is the ATC.
 *
 * @throws RangeError for version 01 without 9F69: decideFddaVersion does not choose it then
 * @spec pboc-contactless.md 4.4
 */
export function fddaTerminalData(version: FddaVersion, values: FddaTerminalValues): Uint8Array {
  if (version === '00') return values.unpredictableNumber;
  if (values.cardAuthenticationData === null) throw new RangeError('fDDA 01 signs 9F69');
  return Buffer.concat([
    values.unpredictableNumber,
    values.amount,
    values.currency,
    values.cardAuthenticationData,
  ]);
}
