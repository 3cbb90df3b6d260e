import type { CaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import { hex } from '@tapgate/sdk/emv/hex';
import { HmacSm3Key } from '@tapgate/sdk/gm/sm3';
import type { HotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import { encodeTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import type { TapSequence } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { Refusal } from '@tapgate/sdk/wire/refusals';
import type { AskedGateway } from '@tapgate/sdk/tap-record/asked-gateway';
import type { Counsel, TapInQuestion } from './asking/counsel.ts';
import type { CardChannel } from './devices/card-channel.ts';
import { driveKernel } from './devices/drive-kernel.ts';
import { cardKeyOf, decideGate, type GateDecision, type GatePolicy } from './gate/decide-gate.ts';
import type { HotlistSnapshot } from './gate/hotlist-snapshot.ts';
import { type RecentTap, rememberTap } from './gate/recent-taps.ts';
import { tapRecordOf, type TerminalPlace } from './gate/tap-record-of.ts';
import type { TapJournal } from './journal/tap-journal.ts';
import type { TapRisk } from './journal/unsent-taps.ts';
import type { KernelOutcome } from './kernel/kernel-outcome.ts';
import { decideRestart } from './kernel/restart.ts';
import { tapTransaction } from './kernel/tap-transaction.ts';
import { localClockAt, type TapParameters } from './kernel/terminal-data.ts';
import { checkTerminalProfile, type TerminalProfile } from './kernel/terminal-profile.ts';

export type ValidatorSettings = {
  readonly terminal: TerminalPlace & {
    /** 32 bytes, HMAC-SM3: under it the gateway knows the terminal's records */
    readonly macKey: Uint8Array;
    readonly ruleSetVersion: string;
    /** local time of the terminal; 480 in China */
    readonly utcOffsetMinutes: number;
    /** the fare that GPO carries where the profile says so; null where it is keyed in for each tap */
    readonly fareFen: Fen | null;
  };
  readonly profile: TerminalProfile;
  /** asked anew for each tap where it is a function: a newer list may have been synced */
  readonly caKeys: CaKeyTable | (() => CaKeyTable);
  readonly revokedIssuerCertificates?: ReadonlySet<string>;
  /** asked anew for each tap: a newer list may have been synced */
  readonly hotlist: () => HotlistSnapshot;
  /** what stale lists mean at this moment (lists/list-ages.ts); left out: nothing */
  readonly staleList?: (nowMs: number) => Refusal<'hotlist_too_old' | 'list_too_old'> | null;
  /** asked anew for each tap where it is a function: newer parameters may have been synced */
  readonly policy: GatePolicy | (() => GatePolicy);
  readonly journal: Pick<TapJournal, 'hasRoom' | 'append' | 'recentTaps'>;
  /** what a tap may cost whose fare is found later, fen: limits on unsent taps count it; left out: 0 */
  readonly tapRiskFen?: () => number;
  /** with whom the gate takes counsel before it decides; left out: nobody, and the tap is the faster for it */
  readonly counsel?: Counsel;
  /** ms since the Unix epoch, for what is recorded */
  readonly clock: () => number;
  /** so many bytes that nobody can foresee */
  readonly random: (byteCount: number) => Uint8Array;
  /** ms from anywhere, for how long things take */
  readonly stopwatch?: () => number;
};

export type TapStep = {
  readonly step: 'kernel' | 'gate' | 'counsel' | 'journal';
  readonly milliseconds: number;
};

export type TapResult = {
  readonly outcome: KernelOutcome;
  readonly decision: GateDecision;
  readonly tappedAtMs: number;
  /** null when no application was selected: such a tap names no card, and only a fault is worth keeping */
  readonly tapSequence: TapSequence | null;
  readonly record: Uint8Array | null;
  /** left out where the gate takes no counsel */
  readonly asked?: AskedGateway;
  readonly steps: readonly TapStep[];
};

export type Validator = {
  /**
   * One tap: kernel, gate decision, durable record. When this returns `open` the record is on disk.
   *
   * @param keyedAmountFen the amount of this tap where the terminal has no fare of its own
   * @throws JournalFault when the record cannot be kept: the gate stays shut
   */
  tap(card: CardChannel, keyedAmountFen?: Fen): Promise<TapResult>;
  /**
   * One rider: taps, and while the restart rules say so waits for the card to come again. Every presentation that got as far as an
   * application leaves its own record.
   *
   * @param nextCard waits for a card in the field; null when the rider has gone
   * @returns each presentation in order; the last one is the rider's answer. Empty when nobody came
   */
  serve(nextCard: () => Promise<CardChannel | null>, keyedAmountFen?: Fen): Promise<readonly TapResult[]>;
};

/** Presentations of one rider: after the third a person should look at the card. */
const PRESENTATIONS_MAX = 3;

/** A terminal in process. Everything it knows of the world comes through its settings, so that a seeded run repeats itself. */
export function createValidator(settings: ValidatorSettings): Validator {
  const { terminal, journal } = settings;
  const policyNow = (): GatePolicy =>
    typeof settings.policy === 'function' ? settings.policy() : settings.policy;
  const profile = checkTerminalProfile(withTerminalName(settings));
  if (profile.rail !== terminal.rail) throw new RangeError('profile and terminal are of one rail');
  const authorityNow = () => ({
    caKeys: typeof settings.caKeys === 'function' ? settings.caKeys() : settings.caKeys,
    revokedIssuerCertificates: settings.revokedIssuerCertificates ?? new Set<string>(),
  });
  const macKey = new HmacSm3Key(terminal.macKey);
  const stopwatch = settings.stopwatch ?? (() => performance.now());
  let recentTaps = journal.recentTaps();

  const validator: Validator = {
    async serve(nextCard, keyedAmountFen) {
      const results: TapResult[] = [];
      for (;;) {
        const card = await nextCard();
        if (card === null) return results;
        const result = await validator.tap(card, keyedAmountFen);
        results.push(result);
        const restart = decideRestart(result.outcome, results.length, PRESENTATIONS_MAX);
        if (restart.next !== 'present_again') return results;
      }
    },

    async tap(card, keyedAmountFen) {
      const steps: TapStep[] = [];
      const tapStartedAt = stopwatch();
      let startedAt = tapStartedAt;
      const finish = (step: TapStep['step']): void => {
        const now = stopwatch();
        steps.push({ step, milliseconds: now - startedAt });
        startedAt = now;
      };

      const parameters = tapParameters(settings, amountOf(settings, keyedAmountFen));
      const outcome = await driveKernel(tapTransaction(profile, parameters, authorityNow()), card);
      finish('kernel');

      const tappedAtMs = settings.clock();
      const hotlist = settings.hotlist();
      const isPriced = terminal.rail !== 'oda';
      const amountFen = isPriced ? parameters.amountFen : (settings.tapRiskFen?.() ?? 0);
      const risk: TapRisk = { amountFen, atMs: tappedAtMs };
      const cardKey = cardKeyOf(outcome, hotlist);
      const alone = decideGate({
        outcome,
        cardKey,
        hotlist,
        recentTaps,
        nowMs: tappedAtMs,
        journalHasRoom: journal.hasRoom(risk),
        staleList: settings.staleList?.(tappedAtMs) ?? null,
        policy: policyNow(),
      });
      finish('gate');
      let decision = alone;
      let asked: { readonly asked?: AskedGateway } = {};
      if (settings.counsel !== undefined) {
        const tap = tapInQuestion(outcome, cardKey, hotlist.version, startedAt - tapStartedAt);
        const consultation = await settings.counsel.consult(alone, tap);
        decision = consultation.decision;
        if (consultation.asked !== null) asked = { asked: consultation.asked };
        finish('counsel');
      }
      const recentTap = recentTapOf(outcome, decision, cardKey, tappedAtMs);
      if (recentTap !== null) recentTaps = rememberTap(recentTaps, recentTap);

      const { exchange } = outcome;
      if (exchange === null || !journal.hasRoom(risk))
        return { outcome, decision, tappedAtMs, tapSequence: null, record: null, ...asked, steps };
      const { tapSequence, record } = await journal.append(
        (sequence) =>
          encodeTapRecord(
            tapRecordOf(terminal, {
              tapSequence: sequence,
              tappedAtMs,
              ruleSetVersion: terminal.ruleSetVersion,
              hotlistVersion: hotlist.version,
              decision,
              ...asked,
              exchange,
            }),
            (macInput) => macKey.tag(macInput),
          ),
        recentTap,
        decision.decision === 'open' ? risk : { ...risk, amountFen: 0 },
      );
      finish('journal');
      return { outcome, decision, tappedAtMs, tapSequence, record, ...asked, steps };
    },
  };
  return validator;
}

/** The profile with the objects that name this device: 9F1E and 9F1C. */
function withTerminalName(settings: ValidatorSettings): TerminalProfile {
  const { profile, terminal } = settings;
  const name = hex(Buffer.from(terminal.terminalId, 'ascii'));
  return { ...profile, terminalObjects: { ...profile.terminalObjects, '9F1C': name, '9F1E': name } };
}

/** @throws RangeError when neither profile nor terminal nor caller names an amount */
function amountOf(settings: ValidatorSettings, keyedAmountFen: Fen | undefined): Fen {
  if (settings.profile.amount.kind === 'probe') return settings.profile.amount.amountFen;
  const amount = settings.terminal.fareFen ?? keyedAmountFen;
  if (amount === undefined) throw new RangeError('this terminal needs an amount for each tap');
  return amount;
}

/** Date and time of the terminal's own place, and a number that no card can foresee. */
function tapParameters(settings: ValidatorSettings, amountFen: Fen): TapParameters {
  return {
    amountFen,
    ...localClockAt(settings.clock(), settings.terminal.utcOffsetMinutes),
    unpredictableNumber: settings.random(4),
  };
}

/** Null where the card did not name itself; such a tap is refused whoever is asked. */
function tapInQuestion(
  outcome: KernelOutcome,
  cardKey: HotlistKey | null,
  heldHotlistVersion: number,
  spentMs: number,
): TapInQuestion | null {
  const { evidence } = outcome;
  if (evidence === null || cardKey === null) return null;
  return { card: evidence.identity, atc: evidence.atc, cardKey, heldHotlistVersion, spentMs };
}

/** Only a card that proved itself is remembered: a forgery must not lock out the card that it imitates. */
function recentTapOf(
  outcome: KernelOutcome,
  decision: GateDecision,
  cardKey: HotlistKey | null,
  tappedAtMs: number,
): RecentTap | null {
  if (cardKey === null || outcome.evidence === null || outcome.refusal !== null) return null;
  return { cardKey, atc: outcome.evidence.atc, tappedAtMs, opened: decision.decision === 'open' };
}
