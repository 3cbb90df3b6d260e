import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildCaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import { hex } from '@tapgate/sdk/emv/hex';
import { SeededRandom, seedOfRun } from '@tapgate/sdk/emv/seeded-random';
import { encodeTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import { isoDate, tapSequence, terminalId } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { isRefusalCode } from '@tapgate/sdk/wire/refusals';
import { tapRecordOf } from '../gate/tap-record-of.ts';
import { makeSecondGenerationCard } from '../virtual-cards/earlier-generations.ts';
import { personaliseCard } from '../virtual-cards/personalise-card.ts';
import { makeTestIssuer, makeTestRsaIssuer } from '../virtual-cards/test-issuer.ts';
import { VirtualCard } from '../virtual-cards/virtual-card.ts';
import type { Dialogue } from './card-dialogue.ts';
import { completeContactTransaction } from './contact/complete-contact-transaction.ts';
import type { ContactOutcome } from './contact/contact-outcome.ts';
import { CLINIC_COUNTER_PROFILE } from './contact/contact-profile.ts';
import type { ContactOrder } from './contact/contact-run.ts';
import { contactTransaction } from './contact/contact-transaction.ts';
import { EVIDENCE_BYTES_MAX } from './evidence-limit.ts';
import type { CardAuthority } from './key-chain.ts';
import type { KernelOutcome } from './kernel-outcome.ts';
import { driveFuzzed, spoiled } from './spoiled-answers.ts';
import { OFFLINE_PURCHASE_PROFILE } from './standard-profiles.ts';
import { tapTransaction } from './tap-transaction.ts';
import type { TapParameters } from './terminal-data.ts';

// Whatever a card answers ends in a named outcome, within the budget of commands and of kept bytes, and what is kept of it fits
// a tap record. Genuine dialogues are recorded; each case spoils one or two of their answers. A failure prints the answers of its
// case; `TAPGATE_SEED=<seed> npm test -- kernel/fuzz` runs it all again, TAPGATE_FUZZ_SCALE multiplies the numbers of cases (1 is
// what CI runs). A case that ever failed is kept in KEPT_CASES.

const seed = seedOfRun(process.env, Date.now());
const scale = Number(process.env['TAPGATE_FUZZ_SCALE'] ?? '1');
/** APDUs answered in all */
const ANSWERS = Math.round(1_000_000 * scale);
/** whole taps with every signature checked */
const PROVEN_TAPS = Math.round(10_000 * scale);
/** what a run may keep alive at once, beside the test itself */
const HEAP_BYTES_MAX = 256 * 1024 * 1024;
const CASE_MS_MAX = 5_000;
const SCRIPTS = Buffer.from('71129F180400000001860984240000048899AABB' + '720B86098424000004CCDDEEFF', 'hex');

const { issuer, caKeys } = makeTestIssuer({ seed: 'fuzz', bin: '623058' });
const rsa = makeTestRsaIssuer({ bin: '623058' });
const NOBODY: CardAuthority = { caKeys: new Map(), revokedIssuerCertificates: new Set() };
const PROVING: CardAuthority = {
  caKeys: buildCaKeyTable([...caKeys.values(), ...rsa.caKeys.values()]),
  revokedIssuerCertificates: new Set(),
};
const TAP: TapParameters = {
  amountFen: fen(200),
  localDate: isoDate('2026-11-23'),
  localTime: '081500',
  unpredictableNumber: Buffer.from('A1B2C3D4', 'hex'),
};

/** by contact with each of the dynamic proofs */
type Kind = 'contactless' | 'contact_dda' | 'contact_cda';
type AnyOutcome =
  | { readonly kind: 'contactless'; readonly outcome: KernelOutcome }
  | { readonly kind: 'contact_dda' | 'contact_cda'; readonly outcome: ContactOutcome };

/** One transaction from its beginning to its end; by contact both halves, with an issuer who answers anything with yes. */
function* wholeTransaction(kind: Kind, authority: CardAuthority): Dialogue<AnyOutcome> {
  if (kind === 'contactless')
    return { kind, outcome: yield* tapTransaction(OFFLINE_PURCHASE_PROFILE, TAP, authority) };
  const order: ContactOrder = {
    profile: { ...CLINIC_COUNTER_PROFILE, supportsCda: kind === 'contact_cda' },
    tap: TAP,
    authority,
    randomPercent: 50,
    isOnExceptionFile: () => false,
  };
  const { outcome, pending } = yield* contactTransaction(order);
  if (pending === null) return { kind, outcome };
  const answer = {
    responseCode: Buffer.from('00', 'ascii'),
    authenticationData: Buffer.alloc(10, 0x30),
    scripts: SCRIPTS,
  };
  return { kind, outcome: yield* completeContactTransaction(pending, answer) };
}

/** What genuine cards answer, in their order. */
function genuineAnswers(kind: Kind): readonly Uint8Array[] {
  const expiry = isoDate('2030-06-30');
  const card =
    kind === 'contactless'
      ? new VirtualCard(
          personaliseCard({
            seed: 'fuzz card',
            pan: '6230580000000000042',
            psn: '01',
            expiry,
            balanceFen: fen(10_000),
            issuer,
          }),
        )
      : makeSecondGenerationCard({
          seed: 'fuzz card',
          pan: '6230580000000000059',
          psn: '00',
          expiry,
          issuer: rsa.issuer,
          cardSigner: rsa.cardSigner,
        });
  card.powerUp();
  return driveFuzzed(wholeTransaction(kind, PROVING), (_, command) => card.transmit(command)).answers.filter(
    (answer) => answer !== null,
  );
}

/** What every outcome owes. @returns whether the card was let through */
function judge({ kind, outcome }: AnyOutcome): boolean {
  const accepted = outcome.kind === 'approved' || outcome.kind === 'online';
  assert.equal(outcome.refusal === null, accepted);
  if (outcome.refusal !== null) assert.ok(isRefusalCode(outcome.refusal.code));
  if (kind !== 'contactless') {
    const { evidence } = outcome;
    const kept = evidence?.cardRecords.reduce((total, record) => total + record.body.length, 0) ?? 0;
    assert.ok(kept <= EVIDENCE_BYTES_MAX);
    return accepted;
  }
  if (outcome.exchange === null) return accepted;
  const decision = accepted
    ? ({ decision: 'open' } as const)
    : ({ decision: 'deny', refusal: outcome.refusal ?? { code: 'card_declined' } } as const);
  encodeTapRecord(
    tapRecordOf(
      {
        terminalId: terminalId('GATE0001'),
        lineId: 'x'.repeat(16),
        stationId: 'y'.repeat(16),
        tapKind: 'entry',
        rail: 'oda',
      },
      {
        tapSequence: tapSequence(1),
        tappedAtMs: 1,
        ruleSetVersion: 'z'.repeat(64),
        hotlistVersion: 1,
        decision,
        exchange: outcome.exchange,
      },
    ),
    () => new Uint8Array(32),
  );
  return accepted;
}

type Tally = { cases: number; answers: number; accepted: number; readonly refusals: Set<string> };

/** Runs spoiled transactions of a kind while `wanted` says so. */
function fuzz(
  kind: Kind,
  authority: CardAuthority,
  random: SeededRandom,
  wanted: (tally: Tally) => boolean,
): Tally {
  const genuine = genuineAnswers(kind);
  const tally: Tally = { cases: 0, answers: 0, accepted: 0, refusals: new Set() };
  while (wanted(tally)) {
    const places = new Set([random.below(genuine.length), random.below(genuine.length)]);
    const given: (Uint8Array | null)[] = [];
    const startedAt = performance.now();
    try {
      const { result } = driveFuzzed(wholeTransaction(kind, authority), (index) => {
        const whole = genuine[index] ?? random.bytes(random.below(260));
        const answer = places.has(index) ? spoiled(random, whole) : whole;
        given.push(answer);
        return answer;
      });
      if (judge(result)) tally.accepted++;
      else tally.refusals.add(result.outcome.refusal?.code ?? '');
      assert.ok(performance.now() - startedAt < CASE_MS_MAX, 'a case hung');
    } catch (error) {
      const shown = given.map((answer) => (answer === null ? 'gone' : hex(answer)));
      const again = `TAPGATE_SEED=${seed} npm test -- kernel/fuzz`;
      throw new Error(`${kind} case ${tally.cases}, again: ${again}\n${JSON.stringify(shown)}`, {
        cause: error,
      });
    }
    tally.cases++;
    tally.answers += given.length;
  }
  return tally;
}

// Contactless without a CA key; by contact with them, because RSA is cheap and the card is asked for its signature on the way.
for (const [kind, share, authority] of [
  ['contactless', 0.6, NOBODY],
  ['contact_dda', 0.2, PROVING],
  ['contact_cda', 0.2, PROVING],
] as const)
  test(`${ANSWERS * share} ${kind} answers, spoiled here and there, end in a named outcome (TAPGATE_SEED=${seed})`, () => {
    const heapBefore = process.memoryUsage();
    const tally = fuzz(
      kind,
      authority,
      new SeededRandom(seed + 100 * share),
      (so) => so.answers < ANSWERS * share,
    );
    const heapAfter = process.memoryUsage();
    assert.ok(heapAfter.heapUsed - heapBefore.heapUsed < HEAP_BYTES_MAX, 'something is kept');
    assert.ok(heapAfter.arrayBuffers - heapBefore.arrayBuffers < HEAP_BYTES_MAX, 'buffers are kept');
    if (ANSWERS < 10_000) return;
    // The spoilers must reach many ends, or nothing was tested.
    const expected = ['card_torn', 'card_protocol_error', 'card_data_invalid', 'card_unsupported'];
    for (const code of expected) assert.ok(tally.refusals.has(code), `${code} was never reached`);
  });

test(`${PROVEN_TAPS} spoiled taps of a card that would prove itself (TAPGATE_SEED=${seed})`, () => {
  const tally = fuzz('contactless', PROVING, new SeededRandom(seed + 1), (so) => so.cases < PROVEN_TAPS);
  // Some spoilers hit nothing that matters (a flipped label, say); most cases must be refused, or nothing was tested.
  assert.ok(tally.accepted <= PROVEN_TAPS / 4, `${tally.accepted} of ${PROVEN_TAPS} approved`);
});

/** Answers in hex ('gone' for a card that left) of runs that once did not end as they must, with what was wrong. */
const KEPT_CASES: readonly {
  readonly kind: Kind;
  readonly what: string;
  readonly answers: () => readonly string[];
}[] = [
  {
    kind: 'contact_dda',
    what: 'a DDOL that asks for more than a command holds: its Lc was the length modulo 256',
    answers: () => contactWith((body) => body.replace('9F49039F3704', '9F490C9F37049F02FF9F02FF9F02FF'), 12),
  },
];

/** The genuine contact answers, each changed as hex; the record that a change makes longer gets its new length. */
function contactWith(change: (body: string) => string, grownBy: number): readonly string[] {
  return genuineAnswers('contact_dda').map((answer) => {
    const text = hex(answer);
    const changed = change(text);
    if (changed === text) return text;
    const length = (answer[1] ?? 0) + grownBy - 3;
    return changed.replace(/^70../, `70${length.toString(16).toUpperCase().padStart(2, '0')}`);
  });
}

for (const kept of KEPT_CASES)
  test(`once failed: ${kept.what}`, () => {
    const answers = kept.answers();
    const { result } = driveFuzzed(wholeTransaction(kept.kind, PROVING), (index) => {
      const answer = answers[index];
      return answer === undefined || answer === 'gone' ? null : Buffer.from(answer, 'hex');
    });
    judge(result);
  });
