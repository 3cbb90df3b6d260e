import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { decideEnrolment, type CategoryTerms, type EnrolmentRequest } from './decide-enrolment.ts';

const TODAY = isoDate('2026-11-20');
const SENIOR: CategoryTerms = {
  alternatives: [{ age_from: 70 }],
  evidence: ['identity_document', 'senior_card'],
};
const CITIZEN: CategoryTerms = {
  alternatives: [{ age_from: 65, residence: ['Here'] }],
  evidence: ['senior_card'],
};
const STUDENT: CategoryTerms = {
  alternatives: [{ status: ['student'], school: ['Here'] }],
  evidence: ['student_card'],
};
const CARD_TYPES: CategoryTerms = { alternatives: [{ status: ['half', 'free'] }], evidence: ['card_type'] };
const YOUNG: CategoryTerms = { alternatives: [{ age_from: 60, age_below: 65 }], evidence: ['senior_card'] };
const CHILD: CategoryTerms = { alternatives: [{ height_below_mm: 1200 }], evidence: 'not_needed' };
/** Two versions of one category, one of which asks for less. */
const RELAXED: readonly CategoryTerms[] = [
  CITIZEN,
  { alternatives: [{ age_from: 65 }], evidence: ['senior_card'] },
];

/** Invented; born 1950-01-31, and on a residence permit. */
const NUMBER = '330200195001310021';
const PERMIT = '810000195001310021';

const request = (more: Partial<EnrolmentRequest> = {}): EnrolmentRequest => ({
  category: 'c',
  evidenceKind: 'senior_card',
  identityNumber: null,
  birthDate: null,
  residence: null,
  school: null,
  status: null,
  validFrom: '2026-11-20',
  validTo: null,
  reviewDueOn: null,
  ...more,
});

function checkOf(first17: string): string {
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const sum = weights.reduce((total, weight, place) => total + weight * Number(first17[place]), 0);
  return first17 + ('10X98765432'[sum % 11] ?? '');
}
const number = checkOf(NUMBER.slice(0, 17));
const permit = checkOf(PERMIT.slice(0, 17));

describe('what a desk may not enrol, by name and field', () => {
  const cases: readonly [string, readonly CategoryTerms[], Partial<EnrolmentRequest>, string][] = [
    ['a category that no rule set knows', [], { birthDate: '1950-01-31' }, 'category_unknown category'],
    [
      'evidence that the category does not accept',
      [SENIOR],
      { evidenceKind: 'oath' },
      'evidence_kind_refused evidenceKind',
    ],
    ['a category that needs no evidence', [CHILD], {}, 'evidence_kind_refused evidenceKind'],
    [
      '15 digits',
      [SENIOR],
      { identityNumber: '330200500131002' },
      'identity_number_first_generation identityNumber',
    ],
    [
      'another birth date than the number has',
      [SENIOR],
      { identityNumber: number, birthDate: '1950-02-01' },
      'identity_number_birth_date_differs birthDate',
    ],
    [
      'a permit where a residence is asked',
      [CITIZEN],
      { identityNumber: permit },
      'residence_permit_without_residence residence',
    ],
    [
      'a permit with a residence',
      [SENIOR],
      { identityNumber: permit, residence: 'Here' },
      'residence_permit_without_residence residence',
    ],
    ['no birth date', [SENIOR], {}, 'eligibility_fact_missing birthDate'],
    ['no residence', [CITIZEN], { birthDate: '1950-01-31' }, 'eligibility_fact_missing residence'],
    [
      'another residence',
      [CITIZEN],
      { birthDate: '1950-01-31', residence: 'There' },
      'eligibility_not_met residence',
    ],
    ['no school', [STUDENT], { evidenceKind: 'student_card' }, 'eligibility_fact_missing school'],
    [
      'another school',
      [STUDENT],
      { evidenceKind: 'student_card', school: 'There' },
      'eligibility_not_met school',
    ],
    [
      'one of several statuses not said',
      [CARD_TYPES],
      { evidenceKind: 'card_type' },
      'eligibility_fact_missing status',
    ],
    [
      'a status that is none',
      [CARD_TYPES],
      { evidenceKind: 'card_type', status: 'gold' },
      'eligibility_not_met status',
    ],
    ['too old for it for ever', [YOUNG], { birthDate: '1950-01-31' }, 'eligibility_not_met birthDate'],
    ['a birth date that is none', [SENIOR], { birthDate: '1950-02-30' }, 'field_invalid birthDate'],
    ['a birth date to come', [SENIOR], { birthDate: '2026-11-21' }, 'field_invalid birthDate'],
    [
      'a first day that is none',
      [SENIOR],
      { birthDate: '1950-01-31', validFrom: 'today' },
      'field_invalid validFrom',
    ],
    [
      'a last day before the first',
      [SENIOR],
      { birthDate: '1950-01-31', validTo: '2026-11-19' },
      'field_invalid validTo',
    ],
    [
      'a review before the first day',
      [SENIOR],
      { birthDate: '1950-01-31', reviewDueOn: '2026-11-19' },
      'field_invalid reviewDueOn',
    ],
  ];
  for (const [fact, categories, given, is] of cases)
    test(fact, () => {
      const decision = decideEnrolment(request(given), categories, TODAY);
      assert.ok(!decision.ok);
      assert.equal(`${decision.refusal.code} ${decision.refusal.field ?? ''}`, is);
    });
});

test('of a person only what the category asks for is kept', () => {
  const kept = (categories: readonly CategoryTerms[], given: Partial<EnrolmentRequest>): unknown => {
    const decision = decideEnrolment(
      request({ identityNumber: number, school: 'Here', residence: 'Here', ...given }),
      categories,
      TODAY,
    );
    assert.ok(decision.ok);
    return decision.terms.person;
  };
  const none = { birthDate: null, residence: null, school: null, statuses: [], heightMm: null };
  assert.deepEqual(kept([SENIOR], {}), { ...none, birthDate: '1950-01-31' });
  assert.deepEqual(kept([CITIZEN], {}), { ...none, birthDate: '1950-01-31', residence: 'Here' });
  assert.deepEqual(kept([STUDENT], { evidenceKind: 'student_card' }), {
    ...none,
    school: 'Here',
    statuses: ['student'],
  });
});

test('a permit is enough where only the age is asked, in any version of the category', () => {
  for (const categories of [[SENIOR], RELAXED])
    assert.ok(decideEnrolment(request({ identityNumber: permit }), categories, TODAY).ok);
});

test('who is too young on the first day is enrolled and does not qualify yet', () => {
  const qualifies = (birthDate: string): boolean => {
    const decision = decideEnrolment(request({ birthDate }), [SENIOR], TODAY);
    assert.ok(decision.ok);
    return decision.terms.qualifies;
  };
  assert.deepEqual([qualifies('1956-11-20'), qualifies('1956-11-21')], [true, false]);
});
