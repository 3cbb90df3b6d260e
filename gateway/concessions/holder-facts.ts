/**
 * What is known of the holder of a card: what the desk saw of the person, and the enrolments of the card. Both are asked apart:
 * somebody may qualify without valid evidence, or hold evidence without qualifying any more (fares note 2.1, "Points").
 */
export type HolderFacts = {
  readonly person: PersonFacts;
  readonly enrolments: readonly Enrolment[];
};

/** Only what the rules ask for; the identity number itself is never here. */
export type PersonFacts = {
  /** YYYY-MM-DD; ages are evaluated from it at the tap, never stored */
  readonly birthDate: string | null;
  /** registered residence (hukou) as the evidence said; never read from an identity number */
  readonly residence: string | null;
  readonly school: string | null;
  /** status other than age: student, disabled_soldier, a card type written to the chip */
  readonly statuses: readonly string[];
  /** as seen by staff */
  readonly heightMm: number | null;
};

/** One enrolment of the card for a rider category, with the evidence that was accepted. */
export type Enrolment = {
  readonly enrolmentId: string;
  /** id of the rider category in the rule sets */
  readonly category: string;
  readonly evidenceKind: string;
  /** ms since the epoch, inclusive */
  readonly validFromMs: number;
  /** exclusive; null = open */
  readonly validToMs: number | null;
  /** evidence lapses when its review is due and was not made; null = never reviewed */
  readonly reviewDueMs: number | null;
  readonly revokedAtMs: number | null;
};

export const UNKNOWN_HOLDER: HolderFacts = {
  person: { birthDate: null, residence: null, school: null, statuses: [], heightMm: null },
  enrolments: [],
};
