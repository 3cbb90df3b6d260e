import { isIsoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import { civilDay, dateNumber } from '../calendar/civil-day.ts';
import { compileEligibility, type Eligibility } from './eligibility.ts';
import { UNKNOWN_HOLDER, type PersonFacts } from './holder-facts.ts';
import { readIdentityNumber } from './identity-number.ts';

/** A rider category as some rule set of the gateway's cities writes it; several versions may write it differently. */
export type CategoryTerms = {
  readonly alternatives: readonly Eligibility[];
  readonly evidence: 'not_needed' | readonly string[];
};

/** What a desk sends about a person and a right. Texts are as typed; dates are not judged yet. */
export type EnrolmentRequest = {
  readonly category: string;
  readonly evidenceKind: string;
  readonly identityNumber: string | null;
  readonly birthDate: string | null;
  /** registered residence as a document shows it */
  readonly residence: string | null;
  readonly school: string | null;
  readonly status: string | null;
  readonly validFrom: string;
  readonly validTo: string | null;
  readonly reviewDueOn: string | null;
};

/** Only what the rules of the category ask for. */
export type EnrolmentTerms = {
  readonly category: string;
  readonly evidenceKind: string;
  readonly person: PersonFacts;
  readonly validFrom: IsoDate;
  readonly validTo: IsoDate | null;
  readonly reviewDueOn: IsoDate | null;
  /** whether the person qualifies on the first day; who is too young yet may be enrolled, and pays until then */
  readonly qualifies: boolean;
};

export type EnrolmentDecision =
  { readonly ok: true; readonly terms: EnrolmentTerms } | { readonly ok: false; readonly refusal: Refusal };

/**
 * Decides whether a desk may enrol a card for a rider category, and what is kept of the person: facts that no alternative of the
 * category asks for are dropped here, the identity number always.
 *
 * @param categories every writing of the category in the rule sets of the gateway's cities; none = unknown
 * @param today      local day of the desk
 * @refuses field_invalid (a date), category_unknown, evidence_kind_refused, the refusals of an identity number,
 *   identity_number_birth_date_differs, residence_permit_without_residence, eligibility_fact_missing, eligibility_not_met
 */
export function decideEnrolment(
  request: EnrolmentRequest,
  categories: readonly CategoryTerms[],
  today: IsoDate,
): EnrolmentDecision {
  const dates = readDates(request);
  if ('code' in dates) return no(dates);
  const accepting = categories.filter((c) => c.evidence !== 'not_needed');
  if (categories.length === 0) return no(refuse('category_unknown', 'category'));
  if (!accepting.some((c) => c.evidence.includes(request.evidenceKind)))
    return no(refuse('evidence_kind_refused', 'evidenceKind'));
  const alternatives = accepting.flatMap((c) => c.alternatives);
  const born = birthDateOf(request, dates.birthDate, alternatives, today);
  if ('code' in born) return no(born);

  const stated: PersonFacts = {
    birthDate: born.birthDate,
    residence: request.residence,
    school: request.school,
    statuses: statusesOf(request, alternatives),
    heightMm: null,
  };
  const provable = alternatives.filter((e) => missingFact(e, stated) === null);
  const [first] = alternatives;
  if (provable.length === 0)
    return no(refuse('eligibility_fact_missing', (first && missingFact(first, stated)) ?? 'category'));
  const possible = provable.filter((e) => unmetFact(e, stated, dates.validFrom) === null);
  const [nearest] = provable;
  if (possible.length === 0)
    return no(
      refuse('eligibility_not_met', (nearest && unmetFact(nearest, stated, dates.validFrom)) ?? 'category'),
    );
  const person = onlyWhatIsAsked(stated, alternatives);
  return {
    ok: true,
    terms: {
      category: request.category,
      evidenceKind: request.evidenceKind,
      person,
      validFrom: dates.validFrom,
      validTo: dates.validTo,
      reviewDueOn: dates.reviewDueOn,
      qualifies: compileEligibility(alternatives).holds(person, dateNumber(civilDay(dates.validFrom))),
    },
  };
}

const no = (refusal: Refusal): EnrolmentDecision => ({ ok: false, refusal });

type Dates = {
  readonly birthDate: IsoDate | null;
  readonly validFrom: IsoDate;
  readonly validTo: IsoDate | null;
  readonly reviewDueOn: IsoDate | null;
};

function readDates(request: EnrolmentRequest): Dates | Refusal {
  const { birthDate, validFrom, validTo, reviewDueOn } = request;
  if (birthDate !== null && !isIsoDate(birthDate)) return refuse('field_invalid', 'birthDate');
  if (!isIsoDate(validFrom)) return refuse('field_invalid', 'validFrom');
  if (validTo !== null && (!isIsoDate(validTo) || validTo < validFrom))
    return refuse('field_invalid', 'validTo');
  if (reviewDueOn !== null && (!isIsoDate(reviewDueOn) || reviewDueOn < validFrom))
    return refuse('field_invalid', 'reviewDueOn');
  return { birthDate, validFrom, validTo, reviewDueOn };
}

function birthDateOf(
  request: EnrolmentRequest,
  stated: IsoDate | null,
  alternatives: readonly Eligibility[],
  today: IsoDate,
): { readonly birthDate: IsoDate | null } | Refusal {
  if (request.identityNumber === null) {
    if (stated !== null && stated > today) return refuse('field_invalid', 'birthDate');
    return { birthDate: stated };
  }
  const read = readIdentityNumber(request.identityNumber, today);
  if (!read.ok) return read.refusal;
  const { birthDate, isResidencePermit } = read.reading;
  if (stated !== null && stated !== birthDate)
    return refuse('identity_number_birth_date_differs', 'birthDate');
  const needsResidence = alternatives.every((e) => e.residence !== undefined);
  if (isResidencePermit && (request.residence !== null || needsResidence))
    return refuse('residence_permit_without_residence', 'residence');
  return { birthDate };
}

/** A category that asks for exactly one status says by itself which status the desk has seen. */
function statusesOf(request: EnrolmentRequest, alternatives: readonly Eligibility[]): string[] {
  if (request.status !== null) return [request.status];
  const asked = [...new Set(alternatives.flatMap((e) => e.status ?? []))];
  return asked.length === 1 ? asked : [];
}

/** The first fact that an alternative asks for and the desk did not give, by the field's name; heights belong to staff on the spot. */
function missingFact(e: Eligibility, person: PersonFacts): string | null {
  if ((e.age_from ?? e.age_below) !== undefined && person.birthDate === null) return 'birthDate';
  if (e.residence !== undefined && person.residence === null) return 'residence';
  if (e.school !== undefined && person.school === null) return 'school';
  if (e.status !== undefined && person.statuses.length === 0) return 'status';
  if ((e.height_from_mm ?? e.height_below_mm) !== undefined) return 'height';
  return null;
}

/** The fact that can never become true: a residence, school or status that is not asked for, or an age that is past. */
function unmetFact(e: Eligibility, person: PersonFacts, validFrom: IsoDate): string | null {
  const isOneOf = (wanted: readonly string[] | undefined, values: readonly (string | null)[]): boolean =>
    wanted === undefined || values.some((value) => value !== null && wanted.includes(value));
  if (!isOneOf(e.residence, [person.residence])) return 'residence';
  if (!isOneOf(e.school, [person.school])) return 'school';
  if (!isOneOf(e.status, person.statuses)) return 'status';
  if (e.age_below !== undefined) {
    const younger = compileEligibility([{ age_below: e.age_below }]);
    if (!younger.holds(person, dateNumber(civilDay(validFrom)))) return 'birthDate';
  }
  return null;
}

function onlyWhatIsAsked(stated: PersonFacts, alternatives: readonly Eligibility[]): PersonFacts {
  const asks = (...keys: readonly (keyof Eligibility)[]): boolean =>
    alternatives.some((e) => keys.some((key) => e[key] !== undefined));
  return {
    ...UNKNOWN_HOLDER.person,
    birthDate: asks('age_from', 'age_below') ? stated.birthDate : null,
    residence: asks('residence') ? stated.residence : null,
    school: asks('school') ? stated.school : null,
    statuses: asks('status') ? stated.statuses : [],
  };
}
