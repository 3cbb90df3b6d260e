import type { TapKind } from '@tapgate/sdk/wire/rails';
import type { Journey } from './journey.ts';
import { UNRESTRICTED_POLICY, type Interchange, type JourneyPolicy } from './journey-policy.ts';
import type { JourneyTap } from './journey-tap.ts';
import { judgeSameStationExit } from './same-station-exit.ts';

export type PairingInput = {
  /** every tap of ONE card (panToken and psn) that is in no journey yet, in any order */
  readonly taps: readonly JourneyTap[];
  /**
   * The card's acts that are accounted for already, by ATC: they are no gaps, and an entry or exit among them parts what lies
   * before it from what lies after. An act without a gate (clinic, refused tap) is `single`.
   */
  readonly settledActs?: ReadonlyMap<number, TapKind>;
  /** at day's close: what was tapped before this instant waits no longer. Absent while the day is open */
  readonly closeBeforeMs?: number;
  readonly policyOf?: (tap: JourneyTap) => JourneyPolicy;
};

export type Pairing = {
  /** nothing that arrives later can change these */
  readonly complete: readonly Journey[];
  /** only with closeBeforeMs */
  readonly incomplete: readonly Journey[];
  readonly waiting: readonly JourneyTap[];
};

/**
 * Makes journeys of one card's taps, in the order of its ATC (5.1 of the fares note: journey state; ARCHITECTURE.md: a card
 * numbers its own acts, so arrival and terminal clocks do not matter).
 *
 * A pair is complete when exit follows entry in the same operator's network and every ATC between them is known: with a gap,
 * an act still on its way could belong between, so the taps wait; so does an entry that an interchange or a pass-back could
 * join to an act that is not here. `closeBeforeMs` ends the wait of what was tapped before
 * it: an entry takes the next exit whatever the gap, and what is left is incomplete.
 *
 * @throws RangeError when the taps are of more than one card or two taps have one ATC
 */
export function pairTaps(input: PairingInput): Pairing {
  const taps = inAtcOrder(input.taps);
  const settled = input.settledActs ?? new Map<number, TapKind>();
  const closeBeforeMs = input.closeBeforeMs ?? Number.NEGATIVE_INFINITY;
  const policyOf = input.policyOf ?? (() => UNRESTRICTED_POLICY);

  const complete: Journey[] = [];
  const incomplete: Journey[] = [];
  const waiting: JourneyTap[] = [];
  let at = 0;
  while (at < taps.length) {
    const tap = taps[at];
    if (!tap) break;
    if (tap.tapKind === 'single') {
      complete.push({ journeyRef: tap.tapRef, state: 'single', entry: tap, exit: null, taps: [tap] });
      at += 1;
      continue;
    }
    const closing = tap.tappedAtMs < closeBeforeMs;
    if (tap.tapKind === 'exit') {
      if (closing) incomplete.push(missingTapIn(tap));
      else waiting.push(tap);
      at += 1;
      continue;
    }
    const chain = followChain(taps, at, settled, policyOf(tap), closing);
    at = chain.next;
    complete.push(...chain.complete);
    incomplete.push(...chain.incomplete);
    waiting.push(...chain.waiting);
    for (const single of chain.singles) {
      complete.push({
        journeyRef: single.tapRef,
        state: 'single',
        entry: single,
        exit: null,
        taps: [single],
      });
    }
  }
  return { complete, incomplete, waiting };
}

function inAtcOrder(taps: readonly JourneyTap[]): JourneyTap[] {
  const ordered = [...taps].sort((a, b) => a.atc - b.atc);
  for (let i = 1; i < ordered.length; i += 1) {
    const before = ordered[i - 1];
    const tap = ordered[i];
    if (!before || !tap) continue;
    if (before.panToken !== tap.panToken || before.psn !== tap.psn)
      throw new RangeError('taps of more than one card');
    if (before.atc === tap.atc) throw new RangeError('two taps with one ATC');
  }
  return ordered;
}

type Chain = {
  readonly next: number;
  readonly complete: readonly Journey[];
  readonly incomplete: readonly Journey[];
  readonly waiting: readonly JourneyTap[];
  /** single taps of another mode passed over on the way (a clinic inside the paid area) */
  readonly singles: readonly JourneyTap[];
};

/** From the entry at `start` to the exit that ends its journey, through repeated entries and out-of-station interchanges. */
function followChain(
  taps: readonly JourneyTap[],
  start: number,
  settled: ReadonlyMap<number, TapKind>,
  policy: JourneyPolicy,
  closing: boolean,
): Chain {
  const used: JourneyTap[] = [];
  const singles: JourneyTap[] = [];
  let certain = !mayContinueEarlier(taps, start, settled, policy);
  let at = start;
  let last: JourneyTap | null = null;
  let exit: JourneyTap | null = null;

  for (; at < taps.length; at += 1) {
    const tap = taps[at];
    if (!tap) break;
    const between = last === null ? 'nothing' : actsBetween(settled, last.atc, tap.atc);
    if (between === 'journeys') {
      // What was settled between is over: an exit that was waited for cannot lie behind it.
      break;
    }
    const gapless = between === 'nothing';
    if (tap.tapKind === 'single' && !exit) {
      // An act without a gate (a clinic, another operator's bus) neither ends nor extends the journey.
      certain &&= gapless;
      singles.push(tap);
      last = tap;
      continue;
    }
    const entry: JourneyTap | undefined = used[0];
    if (!entry) {
      used.push(tap);
      last = tap;
      continue;
    }
    if (exit) {
      const joins: boolean = tap.tapKind === 'entry' && continues(policy.interchanges, exit, tap);
      if (!joins) {
        // What follows does not continue this journey; certain only if nothing can still come between.
        certain &&= gapless || !hasInterchange(policy.interchanges, exit);
        break;
      }
      certain &&= gapless;
      used.push(tap);
      exit = null;
      last = tap;
      continue;
    }
    const sameNetwork = tap.operatorId === entry.operatorId && tap.mode === entry.mode;
    if (tap.tapKind === 'exit' && sameNetwork) {
      certain &&= gapless;
      used.push(tap);
      exit = tap;
      last = tap;
      if (!hasInterchange(policy.interchanges, tap)) {
        at += 1;
        break;
      }
      continue;
    }
    if (tap.tapKind === 'entry' && gapless && isPassBack(policy, used[used.length - 1], tap)) {
      used.push(tap);
      last = tap;
      continue;
    }
    // Another entry, or an exit of another network: this entry has no exit.
    break;
  }

  const atEnd = at >= taps.length && exit !== null && hasInterchange(policy.interchanges, exit);
  const passed = { next: at, singles };
  if (!exit) {
    return closing
      ? { complete: [], incomplete: [withoutExit(used)], waiting: [], ...passed }
      : { complete: [], incomplete: [], waiting: used, ...passed };
  }
  if (!closing && (!certain || atEnd)) return { complete: [], incomplete: [], waiting: used, ...passed };
  const ended = endJourney(used, exit, policy);
  return { waiting: [], ...passed, ...ended };
}

/** What lies between two ATCs: nothing that matters, an act that is still on its way, or taps of settled journeys. */
function actsBetween(
  settled: ReadonlyMap<number, TapKind>,
  after: number,
  before: number,
): 'nothing' | 'unknown' | 'journeys' {
  let unknown = false;
  for (let atc = after + 1; atc < before; atc += 1) {
    const kind = settled.get(atc);
    if (kind === 'entry' || kind === 'exit') return 'journeys';
    unknown ||= kind === undefined;
  }
  return unknown ? 'unknown' : 'nothing';
}

/**
 * True when an act before this entry, not here yet or without its own entry yet, could make the entry part of an earlier journey:
 * an interchange or a pass-back. Without such rules no entry waits for what lies before it.
 */
function mayContinueEarlier(
  taps: readonly JourneyTap[],
  start: number,
  settled: ReadonlyMap<number, TapKind>,
  policy: JourneyPolicy,
): boolean {
  const entry = taps[start];
  if (!entry) return false;
  const interchange = policy.interchanges.some((pair) => pair.entryStationId === entry.stationId);
  if (!interchange && policy.passBackMs === 0) return false;
  let index = start - 1;
  for (let atc = entry.atc - 1; atc >= 1; atc -= 1) {
    const kind = settled.get(atc);
    if (kind === 'entry' || kind === 'exit') return false;
    if (kind === 'single') continue;
    const tap = taps[index];
    if (tap?.atc !== atc) return true;
    if (tap.tapKind !== 'single') return tap.tapKind === 'exit' && continues(policy.interchanges, tap, entry);
    index -= 1;
  }
  return false;
}

function continues(interchanges: readonly Interchange[], exit: JourneyTap, entry: JourneyTap): boolean {
  const gapMs = entry.tappedAtMs - exit.tappedAtMs;
  return (
    entry.operatorId === exit.operatorId &&
    entry.mode === exit.mode &&
    interchanges.some(
      (pair) =>
        pair.exitStationId === exit.stationId &&
        pair.entryStationId === entry.stationId &&
        gapMs >= 0 &&
        gapMs <= pair.withinMs,
    )
  );
}

function hasInterchange(interchanges: readonly Interchange[], exit: JourneyTap): boolean {
  return interchanges.some((pair) => pair.exitStationId === exit.stationId);
}

function isPassBack(policy: JourneyPolicy, before: JourneyTap | undefined, tap: JourneyTap): boolean {
  if (before?.tapKind !== 'entry' || before.stationId === null) return false;
  const gapMs = tap.tappedAtMs - before.tappedAtMs;
  return (
    before.operatorId === tap.operatorId &&
    before.mode === tap.mode &&
    before.stationId === tap.stationId &&
    gapMs >= 0 &&
    gapMs < policy.passBackMs
  );
}

function endJourney(
  used: readonly JourneyTap[],
  exit: JourneyTap,
  policy: JourneyPolicy,
): { complete: Journey[]; incomplete: Journey[] } {
  const entry = used[0];
  if (!entry) throw new Error('a journey starts with an entry');
  const insideMs = exit.tappedAtMs - entry.tappedAtMs;
  const overLong = policy.maxInsideMs !== null && insideMs > policy.maxInsideMs;
  if (overLong && policy.overLong === 'two_incomplete') {
    return { complete: [], incomplete: [withoutExit(used.slice(0, -1)), missingTapIn(exit)] };
  }
  if (isTwoIncomplete(entry, exit, policy)) {
    return { complete: [], incomplete: [withoutExit(used.slice(0, -1)), missingTapIn(exit)] };
  }
  const state = overLong ? 'over_long' : 'complete';
  return { complete: [{ journeyRef: entry.tapRef, state, entry, exit, taps: used }], incomplete: [] };
}

/** Left where it was entered, after a time from which the rules see an entry without exit and an exit without entry. */
function isTwoIncomplete(entry: JourneyTap, exit: JourneyTap, policy: JourneyPolicy): boolean {
  if (policy.sameStation === null || entry.stationId === null || entry.stationId !== exit.stationId)
    return false;
  const verdict = judgeSameStationExit(policy.sameStation, {
    medium: policy.medium,
    entryAtMs: entry.tappedAtMs,
    exitAtMs: exit.tappedAtMs,
    nextEntryAtMs: null,
  });
  return verdict === 'two_incomplete_journeys';
}

function withoutExit(used: readonly JourneyTap[]): Journey {
  const entry = used[0];
  if (!entry) throw new Error('a journey starts with an entry');
  return { journeyRef: entry.tapRef, state: 'missing_tap_out', entry, exit: null, taps: used };
}

function missingTapIn(exit: JourneyTap): Journey {
  return { journeyRef: exit.tapRef, state: 'missing_tap_in', entry: null, exit, taps: [exit] };
}
