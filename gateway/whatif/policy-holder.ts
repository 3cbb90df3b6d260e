import type { Enrolment, HolderFacts } from '../concessions/holder-facts.ts';
import type { CompiledRuleSet } from '../fares/compile-rule-set.ts';

/** The holder as another policy would find them, and the categories that rest on evidence that was given for another one. */
export type PolicyHolder = { readonly holder: HolderFacts; readonly borrowed: ReadonlySet<string> };

/**
 * Evidence of age is evidence of age, whatever category it was registered for: where a category of the policy asks for nothing but
 * an age, an enrolment with a kind of evidence that it accepts counts for it. Residence, school and status are not carried over:
 * nobody has seen them for this category.
 */
export function policyHolder(holder: HolderFacts, ruleSet: CompiledRuleSet): PolicyHolder {
  let ofHolder = found.get(holder);
  if (ofHolder === undefined) found.set(holder, (ofHolder = new Map<CompiledRuleSet, PolicyHolder>()));
  let made = ofHolder.get(ruleSet);
  if (made === undefined) ofHolder.set(ruleSet, (made = makePolicyHolder(holder, ruleSet)));
  return made;
}

/** A card rides many times and its holder is the same: each is made once a rule set, and forgotten with the holder. */
const found = new WeakMap<HolderFacts, Map<CompiledRuleSet, PolicyHolder>>();

function makePolicyHolder(holder: HolderFacts, ruleSet: CompiledRuleSet): PolicyHolder {
  const { enrolments, person } = holder;
  const borrowed = new Set<string>();
  if (person.birthDate === null) return { holder, borrowed };
  const added: Enrolment[] = [];
  for (const { id, evidence, eligibility } of ruleSet.source.rider_categories) {
    if (evidence === 'not_needed' || enrolments.some((enrolment) => enrolment.category === id)) continue;
    const alternatives = Array.isArray(eligibility) ? eligibility : [eligibility];
    const asksOnlyAge = alternatives.every((alternative) =>
      Object.entries(alternative).every(
        ([key, value]) => value === undefined || /^age_(from|below)$/.test(key),
      ),
    );
    if (!asksOnlyAge) continue;
    for (const enrolment of enrolments) {
      if (!evidence.includes(enrolment.evidenceKind)) continue;
      added.push({ ...enrolment, category: id });
      borrowed.add(id);
    }
  }
  return added.length === 0
    ? { holder, borrowed }
    : { holder: { person, enrolments: [...enrolments, ...added] }, borrowed };
}
