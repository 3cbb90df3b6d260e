import { z } from '@hono/zod-openapi';
import { LIST_KIND_NAMES } from '@tapgate/sdk/lists/list-kinds';
import { ASKING_ENDS } from '@tapgate/sdk/tap-record/asked-gateway';
import { TAP_KINDS } from '@tapgate/sdk/wire/rails';

// The bodies that speak of terminals and of what they are given.

const TerminalIdText = z.string().regex(/^[0-9A-Z]{8}$/);
const Base64Of32 = z.string().regex(/^[A-Za-z0-9+/]{43}=$/);
const Base64Of64 = z.string().regex(/^[A-Za-z0-9+/]{86}==$/);
const Kind = z.enum(LIST_KIND_NAMES);

// What the store can hold, said here so that a terminal which sends more is refused and named, and is no fault of the gateway.
const INTEGER_MAX = 2 ** 31 - 1;
export const VERSION_MAX = INTEGER_MAX;
/** the last instant of the year 9999 */
const INSTANT_MAX_MS = 253_402_300_799_999;
const Count = z.int().nonnegative().max(INTEGER_MAX);
const Version = z.int().positive().max(VERSION_MAX);
const InstantMs = z.int().nonnegative().max(INSTANT_MAX_MS);
/** of a line, station or operator: whatever people write, but no control characters */
const PlaceName = z.string().regex(/^[^\p{Cc}]{1,64}$/u);
export const FAULT_CODE = /^[a-z0-9_]{1,40}$/;

export const TerminalCodeBody = z
  .strictObject({
    terminalId: TerminalIdText,
    place: z
      .strictObject({
        lineId: PlaceName,
        stationId: PlaceName.nullable(),
        tapKind: z.enum(TAP_KINDS),
      })
      .optional()
      .openapi({ description: 'of a terminal that is new; one that is registered stays where it is' }),
  })
  .openapi('TerminalCodeOrder');

export const TerminalCodeAnswer = z
  .strictObject({ terminalId: z.string(), code: z.string(), expiresAtMs: z.int() })
  .openapi('TerminalCode', { description: 'shown this once; good for one enrolment' });

export const TerminalIdBody = z.strictObject({ terminalId: TerminalIdText }).openapi('TerminalName');

export type EnrolTerminalBody = z.output<typeof EnrolTerminalBody>;
export const EnrolTerminalBody = z
  .strictObject({
    terminalId: TerminalIdText,
    issuedAtMs: InstantMs,
    publicKey: Base64Of64,
    signature: Base64Of64,
    mac: Base64Of32,
  })
  .openapi('TerminalEnrolment', {
    description:
      'publicKey: SM2, X and Y. signature: SM2 over tapgate-terminal-enrolment|<terminalId>|<issuedAtMs>|<publicKey, hex>. mac: ' +
      'HMAC-SM3 under the code over that text, a | and the signature in hex',
  });

export const EnrolledTerminalBody = z
  .strictObject({ statement: z.string(), mac: z.string() })
  .openapi('TerminalEnrolled', {
    description:
      'mac: HMAC-SM3 under the code over tapgate-terminal-enrolled| and the statement, a JSON text',
  });

export const EnvelopeBody = z
  .strictObject({ statement: z.string(), keyId: z.string(), signature: z.string() })
  .openapi('ListEnvelope');

export const ListPlanBody = z
  .strictObject({
    nowMs: z.int(),
    lists: z.array(
      z.strictObject({
        kind: Kind,
        steps: z.array(
          z.strictObject({ envelope: EnvelopeBody, version: z.int(), form: z.enum(['whole', 'delta']) }),
        ),
      }),
    ),
    signingKeys: z.array(z.strictObject({ statement: z.string(), signature: z.string() })).openapi({
      description:
        'the way from the key that `signer` names to the one of now (sdk/lists/signing-key-link.ts)',
    }),
    listKey: z.strictObject({ id: z.string(), sealed: z.string() }).nullable().openapi({
      description: 'sealed: SM2 C1C3C2 for this terminal, base64; null where it says it has the key',
    }),
  })
  .openapi('ListPlan');

export const TerminalReportBody = z
  .strictObject({
    sentAtMs: InstantMs,
    software: z.string().regex(/^[\x20-\x7e]{0,64}$/),
    lists: z.partialRecord(Kind, Count),
    staleLists: z.array(Kind).max(LIST_KIND_NAMES.length),
    queueDepth: Count,
    refusedRecords: Count,
    oldestUnsentAtMs: InstantMs.nullable(),
    asking: z
      .strictObject({
        sinceMs: InstantMs,
        ends: z.partialRecord(z.enum(ASKING_ENDS), Count),
        refusedLate: Count,
      })
      .optional()
      .openapi({
        description:
          'how asking the gateway has ended, in taps since the terminal was started (sdk/terminals/asking-counts.ts); left out by one that never asks',
      }),
    faults: z
      .array(
        z.strictObject({
          faultNo: z.int().positive(),
          code: z.string().regex(FAULT_CODE),
          atMs: InstantMs,
          detail: z
            .string()
            .regex(/^[\x20-\x7e]{1,100}$/)
            .nullable(),
        }),
      )
      .max(500),
  })
  .openapi('TerminalReport');

export const TerminalReportAnswer = z
  .strictObject({ nowMs: z.int(), clockSkewMs: z.int() })
  .openapi('TerminalReportTaken');

export const TerminalsBody = z
  .strictObject({
    terminals: z.array(
      z.strictObject({
        terminalId: z.string(),
        operatorId: z.string(),
        lineId: z.string(),
        stationId: z.string().nullable(),
        tapKind: z.string(),
        enrolledAt: z.iso.datetime().nullable(),
        revokedAt: z.iso.datetime().nullable(),
        lastSeenAt: z.iso.datetime().nullable(),
        software: z.string().nullable(),
        lists: z.record(z.string(), z.int()),
        staleLists: z.array(z.string()),
        queueDepth: z.int().nullable(),
        refusedRecords: z.int().nullable(),
        oldestUnsentAt: z.iso.datetime().nullable(),
        clockSkewMs: z.int().nullable(),
        asking: z
          .strictObject({
            since: z.iso.datetime(),
            asked: z.int(),
            inTime: z.int(),
            alone: z.int(),
            refusedLate: z.int(),
            ends: z.partialRecord(z.enum(ASKING_ENDS), z.int()),
          })
          .nullable()
          .openapi({
            description:
              'taps since the terminal was started: about which it asked, those judged in time, those it would have let through and decided ' +
              'alone, and how each was decided; null where it never asks',
          }),
        faultsOfDay: z.int(),
      }),
    ),
  })
  .openapi('Terminals');

export const FaultsBody = z
  .strictObject({
    faults: z.array(
      z.strictObject({
        terminalId: z.string(),
        faultNo: z.int(),
        code: z.string(),
        at: z.iso.datetime(),
        receivedAt: z.iso.datetime(),
        lineId: z.string(),
        stationId: z.string().nullable(),
        detail: z.string().nullable(),
      }),
    ),
  })
  .openapi('Faults');

const Scope = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('all') }),
  z.strictObject({ kind: z.literal('operator'), operatorId: PlaceName }),
  z.strictObject({ kind: z.literal('terminals'), terminalIds: z.array(TerminalIdText).max(1_000) }),
]);
const Share = z.int().min(0).max(1_000).openapi({ description: 'terminals of a thousand' });

export const GateParametersBody = z
  .strictObject({
    parameters: z.record(z.string(), z.unknown()).openapi({ description: 'sdk/lists/gate-parameters.ts' }),
    sharePermille: Share.optional(),
    scope: Scope.optional(),
  })
  .openapi('GateParametersOrder');

export const ListVersionBody = z.strictObject({ kind: Kind, version: Version }).openapi('ListVersion');

export const RollOutBody = z
  .strictObject({ kind: Kind, version: Version, sharePermille: Share, scope: Scope.optional() })
  .openapi('ListRollOut');

export const RestorationBody = z
  .strictObject({ kind: z.enum(['hotlist', 'gate_parameters']), earlier: Version })
  .openapi('ListRestoration', { description: 'the content of an earlier version becomes the next one' });
