import type { Enrolment } from './holder-facts.ts';

/** Why an enrolment does not prove anything at this moment. */
export type EvidenceLapse =
  'not_enrolled' | 'other_kind' | 'not_yet_valid' | 'expired' | 'review_lapsed' | 'revoked';

export type EvidenceAnswer =
  | { readonly held: true; readonly kind: string; readonly enrolmentId: string | null }
  | { readonly held: false; readonly lapse: EvidenceLapse };

const NOT_NEEDED: EvidenceAnswer = { held: true, kind: 'not_needed', enrolmentId: null };
const NOT_ENROLLED: EvidenceAnswer = { held: false, lapse: 'not_enrolled' };

/**
 * Decides whether valid evidence for a rider category is held at an instant, apart from whether the person qualifies. The first
 * valid enrolment is the answer; else the lapse of the last one of this category.
 *
 * @param accepted kinds of evidence that the rule accepts, or not_needed
 * @param atMs     instant of the pricing event; validity is half-open
 */
export function findEvidence(
  enrolments: readonly Enrolment[],
  category: string,
  accepted: 'not_needed' | readonly string[],
  atMs: number,
): EvidenceAnswer {
  if (accepted === 'not_needed') return NOT_NEEDED;
  let answer: EvidenceAnswer = NOT_ENROLLED;
  for (const enrolment of enrolments) {
    if (enrolment.category !== category) continue;
    const lapse = lapseOf(enrolment, accepted, atMs);
    if (lapse === null)
      return { held: true, kind: enrolment.evidenceKind, enrolmentId: enrolment.enrolmentId };
    answer = { held: false, lapse };
  }
  return answer;
}

function lapseOf(enrolment: Enrolment, accepted: readonly string[], atMs: number): EvidenceLapse | null {
  if (!accepted.includes(enrolment.evidenceKind)) return 'other_kind';
  if (enrolment.revokedAtMs !== null && atMs >= enrolment.revokedAtMs) return 'revoked';
  if (atMs < enrolment.validFromMs) return 'not_yet_valid';
  if (enrolment.validToMs !== null && atMs >= enrolment.validToMs) return 'expired';
  if (enrolment.reviewDueMs !== null && atMs >= enrolment.reviewDueMs) return 'review_lapsed';
  return null;
}
