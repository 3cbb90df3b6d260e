import { ASKING_ENDS, type AskingEnd } from '../tap-record/asked-gateway.ts';

/** How a gate's questions to the gateway have ended, as it reports them. */
export type AskingCounts = {
  /** since when it counts, by its own clock, ms since the Unix epoch */
  readonly sinceMs: number;
  /** taps by how they were decided; one that is left out has none */
  readonly ends: Readonly<Partial<Record<AskingEnd, number>>>;
  /** a no that came after the rider was told */
  readonly refusedLate: number;
};

/** The counts as an operator asks for them. */
export type AskingSummary = {
  /** taps about which the gateway was asked while the rider waited */
  readonly asked: number;
  /** of them those that it judged in time */
  readonly inTime: number;
  /** taps that the gate would have let through and on which it decided alone, asked or not */
  readonly alone: number;
};

const UNASKED: readonly AskingEnd[] = ['used_up', 'resting', 'not_needed'];
/** What needed no question was decided by the gate's own no. */
const NOT_ALONE: readonly AskingEnd[] = ['judged', 'not_needed'];

export function summaryOfAsking({ ends }: Pick<AskingCounts, 'ends'>): AskingSummary {
  const sum = (counted: readonly AskingEnd[]): number =>
    counted.reduce((total, end) => total + (ends[end] ?? 0), 0);
  return {
    asked: sum(ASKING_ENDS.filter((end) => !UNASKED.includes(end))),
    inTime: sum(['judged']),
    alone: sum(ASKING_ENDS.filter((end) => !NOT_ALONE.includes(end))),
  };
}
