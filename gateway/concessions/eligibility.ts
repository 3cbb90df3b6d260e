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

/** One question about a person, with its key in the trace. */
type Question =
  | { readonly ask: 'age_from' | 'age_below'; readonly key: string; readonly years: number }
  | {
      readonly ask: 'residence' | 'school' | 'status';
      readonly key: string;
      readonly wanted: readonly string[];
    }
  | { readonly ask: 'height_from' | 'height_below'; readonly key: string; readonly mm: number };

/** Makes a category's eligibility ready: any one alternative is enough, and in it every predicate that is named must hold. */
export function compileEligibility(alternatives: readonly Eligibility[]): EligibilityTest {
  const asked = alternatives.map(questionsOf);
  const holdsAll = (questions: readonly Question[], person: PersonFacts, day: DateNumber): boolean => {
    for (const question of questions) if (!holds(question, person, day)) return false;
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
      for (const question of questions) seen[question.key] = holds(question, person, day);
      return seen;
    },
  };
}

function questionsOf(e: Eligibility): Question[] {
  const questions: Question[] = [];
  if (e.age_from !== undefined)
    questions.push({ ask: 'age_from', key: `age_from_${String(e.age_from)}`, years: e.age_from });
  if (e.age_below !== undefined)
    questions.push({ ask: 'age_below', key: `age_below_${String(e.age_below)}`, years: e.age_below });
  if (e.residence) questions.push({ ask: 'residence', key: 'residence', wanted: e.residence });
  if (e.school) questions.push({ ask: 'school', key: 'school', wanted: e.school });
  if (e.status) questions.push({ ask: 'status', key: `status_${e.status.join('_or_')}`, wanted: e.status });
  if (e.height_from_mm !== undefined) {
    const mm = e.height_from_mm;
    questions.push({ ask: 'height_from', key: `height_from_${String(mm)}_mm`, mm });
  }
  if (e.height_below_mm !== undefined) {
    const mm = e.height_below_mm;
    questions.push({ ask: 'height_below', key: `height_below_${String(mm)}_mm`, mm });
  }
  return questions;
}

/** A fact that is not known answers no to every question about it. */
function holds(question: Question, person: PersonFacts, day: DateNumber): boolean {
  switch (question.ask) {
    case 'age_from':
      return isAged(person, day, question.years) === true;
    case 'age_below':
      return isAged(person, day, question.years) === false;
    case 'residence':
      return person.residence !== null && question.wanted.includes(person.residence);
    case 'school':
      return person.school !== null && question.wanted.includes(person.school);
    case 'status':
      return person.statuses.some((status) => question.wanted.includes(status));
    case 'height_from':
      return person.heightMm !== null && person.heightMm >= question.mm;
    case 'height_below':
      return person.heightMm !== null && person.heightMm < question.mm;
  }
}

/** Null where the birth date is not known: then no age rule holds, from above or from below. */
function isAged(person: PersonFacts, day: DateNumber, years: number): boolean | null {
  const birth = person.birthDate === null ? null : birthNumber(person.birthDate);
  return birth === null ? null : hasReachedAge(birth, years, day);
}

/** The questions of all categories ask one person after the other: the text of the last birth date is read once. */
let recent: { readonly text: string; readonly birth: DateNumber | null } = { text: '', birth: null };

function birthNumber(text: string): DateNumber | null {
  if (recent.text !== text) recent = { text, birth: findDateNumber(text) };
  return recent.birth;
}
