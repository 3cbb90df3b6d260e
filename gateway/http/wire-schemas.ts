import { z } from '@hono/zod-openapi';
import { ASKING_ENDS } from '@tapgate/sdk/tap-record/asked-gateway';
import { BATCH_KINDS } from '../clearing/clearing-batch.ts';
import { JUDGEMENT_CAUSES } from '@tapgate/sdk/wire/judgement';
import { TAP_OUTCOMES } from '@tapgate/sdk/wire/verdict';

// The bodies of the wire, as checked and as documented. Strict: a field that nobody knows is a mistake of the sender.

export const TapBody = z
  .strictObject({ record: z.string().min(1).openapi({ description: 'the tap record, canonical base64' }) })
  .openapi('TapBody');

export const TapAnswerBody = z
  .strictObject({
    terminalId: z.string(),
    tapSequence: z.int(),
    outcome: z.enum(TAP_OUTCOMES),
    cause: z.string().nullable(),
    duplicate: z.boolean(),
  })
  .openapi('TapAnswer');

export const TapDraftBody = z
  .strictObject({
    // 70 bytes are 94 characters and two of padding.
    draft: z
      .string()
      .regex(/^[A-Za-z0-9+/]{94}==$/)
      .openapi({ description: 'the tap draft (sdk/tap-record/tap-draft.ts), base64' }),
  })
  .openapi('TapDraft');

export const TapJudgementBody = z
  .strictObject({
    judgement: z.enum(['pass', 'refuse']),
    cause: z.enum(JUDGEMENT_CAUSES).nullable(),
    hotlistVersion: z.int().openapi({ description: 'the newest version, by which was judged' }),
  })
  .openapi('TapJudgement');

export const ErrorResponse = z
  .strictObject({
    error: z.strictObject({
      code: z.string(),
      field: z.string().optional(),
      message: z.string(),
      requestId: z.string(),
    }),
  })
  .openapi('Error');

export const SessionProofBody = z
  .strictObject({
    terminalId: z.string().regex(/^[0-9A-Z]{8}$/),
    issuedAtMs: z.int().nonnegative(),
    nonce: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/),
    signature: z.string().regex(/^[A-Za-z0-9+/]{86}==$/),
  })
  .openapi('TerminalSessionProof', {
    description:
      'signature: base64 of the SM2 signature r and s, 64 bytes, over the ASCII text ' +
      'tapgate-terminal-session|<terminalId>|<issuedAtMs>|<nonce>',
  });

export const SessionTokenBody = z
  .strictObject({ token: z.string(), expiresAtMs: z.int() })
  .openapi('TerminalSession');

export const HealthBody = z
  .strictObject({ status: z.enum(['ok', 'unavailable']), database: z.enum(['ok', 'unreachable']) })
  .openapi('Health');

export const RefusalCountsBody = z
  .strictObject({
    refusals: z.array(
      z.strictObject({ calendarDate: z.string(), code: z.string(), terminalId: z.string(), count: z.int() }),
    ),
  })
  .openapi('RefusalCounts');

export const SettlementBody = z
  .strictObject({
    unsettled: z.strictObject({ ready: z.int(), waiting: z.int() }),
    settledNo: z.int().nullable(),
    inside: z.int().openapi({ description: 'taps taken in by this process and not answered yet' }),
  })
  .openapi('Settlement');

const iso = z.iso.datetime();
const fenOrNull = z.int().nullable();

export const TapHistoryBody = z
  .strictObject({
    verdict: TapAnswerBody.omit({ duplicate: true }).extend({ repeats: z.int() }),
    tap: z.strictObject({
      serviceDate: z.string(),
      tappedAt: iso,
      receivedAt: iso,
      panToken: z.string(),
      psn: z.int(),
      atc: z.int(),
      operatorId: z.string(),
      lineId: z.string(),
      stationId: z.string().nullable(),
      rail: z.string(),
      tapKind: z.string(),
      amountFen: z.int(),
      gateDecision: z.string(),
      asked: z
        .strictObject({
          end: z.enum(ASKING_ENDS),
          budgetMs: z.int(),
          waitedMs: z.int(),
          hotlistVersion: z.int(),
        })
        .nullable()
        .openapi({
          description:
            'how the gate came to its decision: whether the gateway was asked, what was left of the time, how long it waited, and the hotlist ' +
            'version by which the gateway judged; null where the record says nothing of it or can no longer be opened',
        }),
      ruleSetVersion: z.string(),
      hotlistVersion: z.int(),
      bankId: z.string().nullable(),
      atcBelowHighest: z.boolean(),
      recordSm3: z.string(),
    }),
    settlement: z.enum(['settled', 'ready', 'waiting', 'none']),
    journey: z
      .strictObject({
        journeyId: z.string(),
        completeness: z.string(),
        outcome: z.string(),
        cause: z.string().nullable(),
        startedAt: iso,
        endedAt: iso,
        listFareFen: fenOrNull,
        fareFen: fenOrNull,
        ruleSetId: z.string().nullable(),
        ruleSetVersion: z.string().nullable(),
        concessionRuleId: z.string().nullable(),
        riderCategory: z.string().nullable(),
        funder: z.string().nullable(),
        shortfallFen: fenOrNull,
        claimedFen: fenOrNull,
        settledNo: z.int().nullable(),
        trace: z.unknown(),
      })
      .nullable(),
    postings: z.array(
      z.strictObject({
        postingId: z.string(),
        lineNo: z.int(),
        purse: z.string(),
        debitAccount: z.string(),
        creditAccount: z.string(),
        amountFen: z.int(),
        state: z.string(),
      }),
    ),
    clearing: z
      .array(z.strictObject({ party: z.string(), kind: z.enum(BATCH_KINDS), line: z.string() }))
      .openapi({ description: 'what its parties are sent of the journey, PANs masked' }),
  })
  .openapi('TapHistory');

export const NamedCard = z
  .strictObject({
    pan: z.string().regex(/^\d{12,19}$/),
    psn: z.int().min(0).max(99),
  })
  .openapi('NamedCard');

export const HotlistChangeBody = z
  .strictObject({
    add: z.array(NamedCard.extend({ reason: z.string().regex(/^[a-z_]{1,32}$/) })).max(5_000),
    remove: z.array(NamedCard).max(5_000),
  })
  .openapi('HotlistChange');

export const HotlistVersionBody = z.strictObject({ version: z.int() }).openapi('HotlistVersion');

const slug = z.string().regex(/^[a-z0-9_-]{1,40}$/);
const shortText = z.string().min(1).max(64);

export const EnrolmentBody = z
  .strictObject({
    card: NamedCard,
    category: slug,
    evidenceKind: slug,
    identityNumber: z.string().max(32).nullable().default(null).openapi({
      description: '18 characters; read for the birth date and forgotten',
    }),
    birthDate: z.string().nullable().default(null),
    residence: shortText.nullable().default(null).openapi({
      description: 'registered residence (hukou) as the document shows it',
    }),
    school: shortText.nullable().default(null),
    status: shortText.nullable().default(null).openapi({
      description: 'where the category asks for one of several statuses: which the desk has seen',
    }),
    validFrom: z.string(),
    validTo: z.string().nullable(),
    reviewDueOn: z.string().nullable().default(null),
  })
  .openapi('ConcessionEnrolment');

export const EnrolledBody = z
  .strictObject({
    enrolled: z.literal(true),
    enrolmentId: z.uuid(),
    qualifies: z.boolean().openapi({
      description: 'on the first day; false: too young yet, and pays until the birthday',
    }),
  })
  .openapi('Enrolled');

export const EnrolmentReviewBody = z.strictObject({ reviewDueOn: z.string() }).openapi('EnrolmentReview');

export const EnrolmentHistoryBody = z
  .strictObject({
    enrolmentId: z.uuid(),
    panToken: z.string(),
    psn: z.int(),
    category: z.string(),
    evidenceKind: z.string(),
    validFrom: z.string(),
    validTo: z.string().nullable(),
    reviewDueOn: z.string().nullable(),
    revokedAt: iso.nullable(),
    keeps: z
      .array(z.string())
      .openapi({ description: 'which facts of the person are kept; never the facts' }),
    history: z.array(z.strictObject({ kind: z.string(), at: iso, by: z.string(), details: z.unknown() })),
  })
  .openapi('ConcessionEnrolmentHistory');

export const EnrolmentListBody = z
  .strictObject({ enrolments: z.array(EnrolmentHistoryBody) })
  .openapi('ConcessionEnrolments');

const traceStep = z.strictObject({
  stage: z.string(),
  ruleId: z.string(),
  version: z.int(),
  applied: z.boolean(),
  saw: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])),
  operation: z.unknown(),
  fenIn: z.int(),
  fenOut: z.int(),
  zh: z.string().optional(),
  en: z.string().optional(),
});
const recomputedFare = z.strictObject({ listFareFen: z.int(), fareFen: z.int() }).nullable();

export const ExplanationBody = z
  .strictObject({
    journeyId: z.string(),
    serviceDate: z.string(),
    outcome: z.string(),
    cause: z.string().nullable(),
    listFareFen: fenOrNull,
    fareFen: fenOrNull,
    owedFen: fenOrNull.openapi({ description: 'the fare after all adjustments' }),
    ruleSetId: z.string().nullable(),
    ruleSetVersion: z.string().nullable(),
    valuation: z.string().nullable(),
    resolves: z.string().nullable().openapi({ description: 'the held journey that this one prices' }),
    pricedAs: z.string().nullable().openapi({ description: 'of a held journey: the one that prices it' }),
    steps: z.array(traceStep),
    recomputed: recomputedFare.openapi({ description: 'from the steps alone; null where nothing is priced' }),
    adjustments: z.array(
      z.strictObject({
        adjustmentId: z.string(),
        causedBy: z.string(),
        chargedFen: z.int(),
        fareFen: z.int(),
        differenceFen: z.int(),
        steps: z.array(traceStep),
        recomputed: recomputedFare,
      }),
    ),
  })
  .openapi('JourneyExplanation');

export const HeldJourneysBody = z
  .strictObject({
    held: z.array(
      z.strictObject({
        journeyId: z.string(),
        serviceDate: z.string(),
        operatorId: z.string(),
        lineId: z.string(),
        mode: z.string(),
        completeness: z.string(),
        startedAt: iso,
        reason: z.string(),
        waits: z.boolean().openapi({ description: 'priced by itself once what is missing arrives' }),
      }),
    ),
    next: z.string().nullable(),
  })
  .openapi('HeldJourneys');
