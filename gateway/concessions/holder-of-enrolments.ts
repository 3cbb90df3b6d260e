import { civilDay, type CivilDay } from '../calendar/civil-day.ts';
import { instantOf, type ZoneClock } from '../calendar/zone-clock.ts';
import type { CardEnrolment } from '../store/concession-enrolments.ts';
import { UNKNOWN_HOLDER, type HolderFacts } from './holder-facts.ts';

/**
 * What the register knows of a card's holder, as pricing asks it. Dates of an enrolment are days of the operator's wall; a last day
 * is inclusive in the register and becomes the exclusive instant after it.
 */
export function holderOf(enrolments: readonly CardEnrolment[], clock: ZoneClock): HolderFacts {
  if (enrolments.length === 0) return UNKNOWN_HOLDER;
  const startOf = (date: string, daysLater = 0): number =>
    instantOf(clock, (civilDay(date) + daysLater) as CivilDay, 0);
  const birthDate = enrolments.find((enrolment) => enrolment.birthDate !== null)?.birthDate ?? null;
  return {
    person: { ...UNKNOWN_HOLDER.person, birthDate, statuses: statusesOf(enrolments) },
    enrolments: enrolments.map((enrolment) => ({
      enrolmentId: `${enrolment.category}@${enrolment.validFrom}`,
      category: enrolment.category,
      evidenceKind: enrolment.evidenceKind,
      validFromMs: startOf(enrolment.validFrom),
      validToMs: enrolment.validTo === null ? null : startOf(enrolment.validTo, 1),
      reviewDueMs: enrolment.reviewDueOn === null ? null : startOf(enrolment.reviewDueOn, 1),
      revokedAtMs: enrolment.revokedOn === null ? null : startOf(enrolment.revokedOn),
    })),
  };
}

/**
 * The desk enrols a card for a category after it has seen that the person qualifies; a status other than age (a disabled
 * soldier) is known by that enrolment alone. Categories are written with hyphens, statuses with underscores.
 */
function statusesOf(enrolments: readonly CardEnrolment[]): string[] {
  return [...new Set(enrolments.map((enrolment) => enrolment.category.replaceAll('-', '_')))];
}
