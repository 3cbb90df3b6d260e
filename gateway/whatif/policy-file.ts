import { z } from 'zod';
import type { RuleBook } from '../fares/rule-book.ts';
import { ruleSetSchema, type RuleSet } from '../fares/rule-set.ts';

const { shape } = ruleSetSchema;
const id = shape.id;
const rules = {
  timeframes: shape.timeframes.unwrap().optional(),
  rider_categories: shape.rider_categories.unwrap().optional(),
  funders: shape.funders.unwrap().optional(),
  list_fares: shape.list_fares.optional(),
  concessions: shape.concessions.unwrap().optional(),
  medium_discounts: shape.medium_discounts.unwrap().optional(),
  accumulators: shape.accumulators.unwrap().optional(),
  transfers: shape.transfers.unwrap().optional(),
  surcharges: shape.surcharges.unwrap().optional(),
  caps: shape.caps.unwrap().optional(),
};

/**
 * A policy as a change of what is in force: whoever asks what 65 instead of 70 would cost writes the one concession, and not the
 * whole tariff again. An entry with the id of a present one takes its place, another is added.
 */
export const policyChangeSchema = z.strictObject({
  schema: z.literal('tapgate-policy-change/1'),
  id,
  text: shape.text,
  sources: shape.sources,
  changes: z
    .array(
      z.strictObject({
        /** id of a rule set in force; each of its versions that the days need is changed */
        rule_set: id,
        ...rules,
        /** ids of rules that end */
        remove: z.array(id).optional(),
      }),
    )
    .min(1),
});
export type PolicyChange = z.infer<typeof policyChangeSchema>;
type Change = PolicyChange['changes'][number];

export type PolicyProblem = { readonly path: string; readonly reason: string };

/** The rule sets of a policy change: those in force, changed. They stand by themselves and supersede nothing. */
export function changedRuleSets(
  policy: PolicyChange,
  ruleBook: RuleBook,
): { readonly ruleSets: readonly RuleSet[] } | { readonly problems: readonly PolicyProblem[] } {
  const inForce = [...new Set([...ruleBook.inForce.values()].flat())];
  const problems: PolicyProblem[] = [];
  const ruleSets: RuleSet[] = [];
  policy.changes.forEach((change, index) => {
    const path = `changes[${String(index)}]`;
    const present = inForce.filter((set) => set.id === change.rule_set);
    if (present.length === 0)
      problems.push({
        path: `${path}.rule_set`,
        reason: `no rule set in force is called ${change.rule_set}`,
      });
    for (const { source } of present) {
      for (const [place, gone] of (change.remove ?? []).entries()) {
        if (!ruleIds(source).has(gone))
          problems.push({ path: `${path}.remove[${String(place)}]`, reason: `there is no rule ${gone}` });
      }
      ruleSets.push(changed(source, change, policy));
    }
  });
  return problems.length > 0 ? { problems } : { ruleSets };
}

function ruleIds(set: RuleSet): Set<string> {
  const { list_fares, concessions, medium_discounts, accumulators, transfers, surcharges, caps } = set;
  return new Set(
    [list_fares, concessions, medium_discounts, accumulators, transfers, surcharges, caps].flatMap((list) =>
      list.map((rule) => rule.id),
    ),
  );
}

function changed(source: RuleSet, change: Change, policy: PolicyChange): RuleSet {
  const gone = new Set(change.remove ?? []);
  const merged = <Item extends { readonly id: string }>(
    present: readonly Item[],
    given: readonly Item[] | undefined,
  ): Item[] => {
    const replaced = new Set((given ?? []).map((item) => item.id));
    const kept = present.filter((item) => !replaced.has(item.id) && !gone.has(item.id));
    return [...kept, ...(given ?? [])];
  };
  return {
    ...source,
    supersedes: null,
    sources: merged(source.sources, policy.sources),
    timeframes: merged(source.timeframes, change.timeframes),
    rider_categories: merged(source.rider_categories, change.rider_categories),
    funders: merged(source.funders, change.funders),
    list_fares: merged(source.list_fares, change.list_fares),
    concessions: merged(source.concessions, change.concessions),
    medium_discounts: merged(source.medium_discounts, change.medium_discounts),
    accumulators: merged(source.accumulators, change.accumulators),
    transfers: merged(source.transfers, change.transfers),
    surcharges: merged(source.surcharges, change.surcharges),
    caps: merged(source.caps, change.caps),
  };
}
