/** Why a gateway would not let a card through, in the rank of refusals.ts: the first that applies is named. */
export const JUDGEMENT_CAUSES = ['atc_reused', 'hotlisted', 'bank_unknown'] as const;
export type JudgementCause = (typeof JUDGEMENT_CAUSES)[number];

/** What the gateway says of an act that a gate asks about before it decides. Nothing is kept of it. */
export type TapJudgement = {
  readonly judgement: 'pass' | 'refuse';
  /** null exactly where the judgement is to pass */
  readonly cause: JudgementCause | null;
  /** the newest hotlist version that the gateway judged by; 0 before the first */
  readonly hotlistVersion: number;
};

/** @returns null for anything that is no judgement */
export function readTapJudgement(value: unknown): TapJudgement | null {
  if (typeof value !== 'object' || value === null) return null;
  const { judgement, cause, hotlistVersion } = value as Readonly<Record<string, unknown>>;
  if (typeof hotlistVersion !== 'number' || !Number.isInteger(hotlistVersion)) return null;
  if (hotlistVersion < 0 || hotlistVersion > 0xffff_ffff) return null;
  if (judgement === 'pass' && cause === null) return { judgement, cause, hotlistVersion };
  const known = JUDGEMENT_CAUSES.find((word) => word === cause);
  return judgement === 'refuse' && known !== undefined ? { judgement, cause: known, hotlistVersion } : null;
}
