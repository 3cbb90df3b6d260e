import { z } from 'zod';
import { birthdayOf, findCivilDay, type CivilDay } from '../calendar/civil-day.ts';
import type { PersonFacts } from './holder-facts.ts';

/** One alternative of who qualifies: every predicate that is named must hold. A fact that is not known does not hold. */
export const eligibilitySchema = z
  .strictObject({
    /** full years, reached on the birthday */
    age_from: z.int().min(0).max(150).optional(),
    /** exclusive: under 18 is age_below 18 */
    age_below: z.int().min(1).max(150).optional(),
    /** any one of */
    residence: z.array(z.string().min(1)).min(1).optional(),
    school: z.array(z.string().min(1)).min(1).optional(),
    status: z.array(z.string().min(1)).min(1).optional(),
    height_from_mm: z.int().positive().optional(),
    height_below_mm: z.int().positive().optional(),
  })
  .refine((e) => Object.values(e).some((value) => value !== undefined), 'names no predicate')
  .refine(
    (e) => e.age_from === undefined || e.age_below === undefined || e.age_from < e.age_below,
    'age_below is not above age_from',
  );
export type Eligibility = z.infer<typeof eligibilitySchema>;

/** What a trace may say of a person: the answers to the questions, never the facts ("age_from_70": true). */
export type Seen = Readonly<Record<string, boolean>>;

export type EligibilityAnswer = { readonly met: boolean; readonly saw: Seen };

/** A category's alternatives made ready; `day` is the local day of the pricing event. */
export type EligibilityTest = (person: PersonFacts, day: CivilDay) => EligibilityAnswer;

/**
 * Decides whether the person qualifies, apart from what evidence is held. Alternatives are tried in order; the first that holds
 * is the answer, else the last one that failed, with each predicate's own answer.
 */
export function compileEligibility(alternatives: readonly Eligibility[]): EligibilityTest {
  const tests = alternatives.map(compileAlternative);
  return (person, day) => {
    let answer: EligibilityAnswer = { met: false, saw: {} };
    for (const test of tests) {
      answer = test(person, day);
      if (answer.met) return answer;
    }
    return answer;
  };
}

type Question = { readonly key: string; readonly holds: (person: PersonFacts, day: CivilDay) => boolean };

function compileAlternative(e: Eligibility): EligibilityTest {
  const questions: Question[] = [];
  if (e.age_from !== undefined) {
    const years = e.age_from;
    questions.push({ key: `age_from_${String(years)}`, holds: (p, day) => isAged(p, day, years) === true });
  }
  if (e.age_below !== undefined) {
    const years = e.age_below;
    questions.push({ key: `age_below_${String(years)}`, holds: (p, day) => isAged(p, day, years) === false });
  }
  const oneOf = (
    key: string,
    allowed: readonly string[] | undefined,
    fact: (p: PersonFacts) => string | null,
  ) => {
    if (!allowed) return;
    questions.push({
      key,
      holds: (p) => {
        const value = fact(p);
        return value !== null && allowed.includes(value);
      },
    });
  };
  oneOf('residence', e.residence, (p) => p.residence);
  oneOf('school', e.school, (p) => p.school);
  if (e.status) {
    const wanted = e.status;
    questions.push({
      key: `status_${wanted.join('_or_')}`,
      holds: (p) => p.statuses.some((status) => wanted.includes(status)),
    });
  }
  if (e.height_from_mm !== undefined) {
    const mm = e.height_from_mm;
    questions.push({
      key: `height_from_${String(mm)}_mm`,
      holds: (p) => p.heightMm !== null && p.heightMm >= mm,
    });
  }
  if (e.height_below_mm !== undefined) {
    const mm = e.height_below_mm;
    questions.push({
      key: `height_below_${String(mm)}_mm`,
      holds: (p) => p.heightMm !== null && p.heightMm < mm,
    });
  }
  // Frozen answers for the two ordinary cases keep the hot path from building an object per rider and rule.
  const all: Seen = Object.freeze(Object.fromEntries(questions.map((q) => [q.key, true])));
  return (person, day) => {
    const failed = questions.find((q) => !q.holds(person, day));
    if (!failed) return { met: true, saw: all };
    return { met: false, saw: Object.fromEntries(questions.map((q) => [q.key, q.holds(person, day)])) };
  };
}

function isAged(person: PersonFacts, day: CivilDay, years: number): boolean | null {
  if (person.birthDate === null) return null;
  const birth = findCivilDay(person.birthDate);
  return birth === null ? null : day >= birthdayOf(birth, years);
}
