import { z } from 'zod';
import { findDateNumber, hasReachedAge, type DateNumber } from '../calendar/civil-day.ts';
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

/** A rider category's alternatives made ready. `day` is the local day of the pricing event. */
export type EligibilityTest = {
  /** whether the person qualifies, apart from what evidence is held */
  readonly holds: (person: PersonFacts, day: DateNumber) => boolean;
  /** the answer to each question of the alternative that held, or of the last one: what a trace keeps */
  readonly answers: (person: PersonFacts, day: DateNumber) => Seen;
};

type Question = { readonly key: string; readonly holds: (person: PersonFacts, day: DateNumber) => boolean };

/** Makes a category's eligibility ready: any one alternative is enough, and in it every predicate that is named must hold. */
export function compileEligibility(alternatives: readonly Eligibility[]): EligibilityTest {
  const asked = alternatives.map(questionsOf);
  const holdsAll = (questions: readonly Question[], person: PersonFacts, day: DateNumber): boolean => {
    for (const question of questions) if (!question.holds(person, day)) return false;
    return true;
  };
  return {
    holds: (person, day) => {
      for (const questions of asked) if (holdsAll(questions, person, day)) return true;
      return false;
    },
    answers: (person, day) => {
      const questions = asked.find((q) => holdsAll(q, person, day)) ?? asked[asked.length - 1] ?? [];
      const seen: Record<string, boolean> = {};
      for (const { key, holds } of questions) seen[key] = holds(person, day);
      return seen;
    },
  };
}

function questionsOf(e: Eligibility): Question[] {
  const questions: Question[] = [];
  if (e.age_from !== undefined) {
    const years = e.age_from;
    questions.push({ key: `age_from_${String(years)}`, holds: (p, day) => isAged(p, day, years) === true });
  }
  if (e.age_below !== undefined) {
    const years = e.age_below;
    questions.push({ key: `age_below_${String(years)}`, holds: (p, day) => isAged(p, day, years) === false });
  }
  if (e.residence) {
    const wanted = e.residence;
    questions.push({ key: 'residence', holds: (p) => p.residence !== null && wanted.includes(p.residence) });
  }
  if (e.school) {
    const wanted = e.school;
    questions.push({ key: 'school', holds: (p) => p.school !== null && wanted.includes(p.school) });
  }
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
  return questions;
}

/** Null where the birth date is not known: then no age rule holds, from above or from below. */
function isAged(person: PersonFacts, day: DateNumber, years: number): boolean | null {
  const birth = person.birthDate === null ? null : findDateNumber(person.birthDate);
  return birth === null ? null : hasReachedAge(birth, years, day);
}
