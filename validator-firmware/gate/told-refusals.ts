import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import type { TapJudgement } from '@tapgate/sdk/wire/judgement';

/** Cards that the gateway has called hotlisted, each with the version of the list by which it did. */
export type ToldRefusals = ReadonlyMap<HotlistKey, number>;

/** More than a gate is told between two syncs. */
const TOLD_MAX = 256;

/** What is remembered after one more judgement, in time or late: a no until the list has it, and not beyond a later yes. */
export function rememberTold(told: ToldRefusals, cardKey: HotlistKey, judgement: TapJudgement): ToldRefusals {
  const { cause, hotlistVersion } = judgement;
  const isListed = cause === 'hotlisted';
  const toldBy = told.get(cardKey);
  // Answers may overtake each other: the newer list counts, and what is no word on the list changes nothing.
  if (hotlistVersion < (toldBy ?? 0)) return told;
  if (!isListed && (judgement.judgement === 'refuse' || toldBy === undefined)) return told;
  const kept = [...told].filter(([key]) => key !== cardKey);
  return new Map(isListed ? [...kept, [cardKey, hotlistVersion] as const].slice(-TOLD_MAX) : kept);
}

/** Whether the card was called hotlisted by a newer list than the gate holds; its own list knows better from then on. */
export function wasToldListed(told: ToldRefusals, cardKey: HotlistKey, heldVersion: number): boolean {
  return (told.get(cardKey) ?? 0) > heldVersion;
}
