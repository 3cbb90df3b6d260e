import { civilDay, type CivilDay } from '../calendar/civil-day.ts';
import { instantOf, type ZoneClock } from '../calendar/zone-clock.ts';
import type { CardEnrolment } from '../store/concession-enrolments.ts';
import { UNKNOWN_HOLDER, type HolderFacts, type PersonFacts } from './holder-facts.ts';

/**
 * What the register knows of a card's holder, as pricing asks it. Dates of an enrolment are days of the operator's wall; a last day
 * is inclusive in the register and becomes the exclusive instant after it.
 */
export function holderOf(enrolments: readonly CardEnrolment[], clock: ZoneClock): HolderFacts {
  if (enrolments.length === 0) return UNKNOWN_HOLDER;
  const startOf = (date: string, daysLater = 0): number =>
    instantOf(clock, (civilDay(date) + daysLater) as CivilDay, 0);
  return {
    person: personOf(enrolments),
    enrolments: enrolments.map((enrolment) => ({
      enrolmentId: enrolment.enrolmentId,
      category: enrolment.category,
      evidenceKind: enrolment.evidenceKind,
      validFromMs: startOf(enrolment.validFrom),
      validToMs: enrolment.validTo === null ? null : startOf(enrolment.validTo, 1),
      reviewDueMs: enrolment.reviewDueOn === null ? null : startOf(enrolment.reviewDueOn, 1),
      revokedAtMs: enrolment.revokedAtMs,
    })),
  };
}

/**
 * One person holds a card: what any desk has seen of the person is known for all rights of the card, the newest enrolment first.
 * Statuses add up; whether evidence of one is valid is asked apart.
 */
function personOf(enrolments: readonly CardEnrolment[]): PersonFacts {
  const newest = [...enrolments].sort((a, b) => (a.validFrom < b.validFrom ? 1 : -1));
  const people = newest.map((enrolment) => enrolment.person);
  return {
    ...UNKNOWN_HOLDER.person,
    birthDate: people.find((person) => person.birthDate !== null)?.birthDate ?? null,
    residence: people.find((person) => person.residence !== null)?.residence ?? null,
    school: people.find((person) => person.school !== null)?.school ?? null,
    statuses: [...new Set(newest.flatMap(statusesOf))],
  };
}

/** An enrolment written before statuses were kept says by its category what the desk has seen: soldier-x is soldier_x. */
function statusesOf({ person, category }: CardEnrolment): readonly string[] {
  return person.statuses.length > 0 ? person.statuses : [category.replaceAll('-', '_')];
}
