import { bcdFromNumber } from '@tapgate/sdk/emv/bcd';
import { canonicalEnd, tagRank, tagRankAt } from '@tapgate/sdk/tap-record/canonical-tlv';
import type { AskedGateway } from '@tapgate/sdk/tap-record/asked-gateway';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';
import type { TapSequence, TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { Rail, TapKind } from '@tapgate/sdk/wire/rails';
import type { SelectedExchange } from '../kernel/kernel-outcome.ts';
import type { GateDecision } from './decide-gate.ts';

/** Where a terminal stands and what it serves; every tap record says so. */
export type TerminalPlace = {
  readonly terminalId: TerminalId;
  readonly lineId: string;
  /** null on a line with one fare for all stops */
  readonly stationId: string | null;
  readonly tapKind: TapKind;
  readonly rail: Rail;
};

/** 9F41, transaction sequence counter: up to eight digits, for clearing; the tap sequence in full stands in C3. */
const SEQUENCE_COUNTER_TAG = 0x9f41;
const SEQUENCE_COUNTER_BYTES = 4;
const SEQUENCE_COUNTER_HEADER = Uint8Array.of(0x9f, 0x41, SEQUENCE_COUNTER_BYTES);

/** Puts a tap together as it is journalled and sent: place, decision, versions held, and the exchange verbatim. */
export function tapRecordOf(
  place: TerminalPlace,
  tap: {
    readonly tapSequence: TapSequence;
    readonly tappedAtMs: number;
    readonly ruleSetVersion: string;
    readonly hotlistVersion: number;
    readonly decision: GateDecision;
    /** left out by a terminal that does not ask */
    readonly asked?: AskedGateway;
    readonly exchange: SelectedExchange;
  },
): TapRecord {
  const { exchange, decision } = tap;
  return {
    terminalId: place.terminalId,
    tapSequence: tap.tapSequence,
    tappedAtMs: tap.tappedAtMs,
    rail: place.rail,
    tapKind: place.tapKind,
    lineId: place.lineId,
    stationId: place.stationId,
    ruleSetVersion: tap.ruleSetVersion,
    hotlistVersion: tap.hotlistVersion,
    gateDecision: decision.decision,
    gateRefusal: decision.decision === 'deny' ? decision.refusal.code : null,
    ...(tap.asked === undefined ? {} : { asked: tap.asked }),
    dfName: exchange.dfName,
    terminalData: withSequenceCounter(exchange.terminalData, tap.tapSequence),
    gpoResponse: exchange.gpoResponse,
    cardRecords: exchange.cardRecords,
  };
}

/** Adds 9F41 at its place in ascending order: the sequence is given out after the card was asked. */
function withSequenceCounter(terminalData: Uint8Array, sequence: TapSequence): Uint8Array {
  const at = placeOf(SEQUENCE_COUNTER_TAG, terminalData);
  const digits = bcdFromNumber(sequence % 10 ** (2 * SEQUENCE_COUNTER_BYTES), SEQUENCE_COUNTER_BYTES);
  const header = SEQUENCE_COUNTER_HEADER.length;
  const whole = new Uint8Array(terminalData.length + header + SEQUENCE_COUNTER_BYTES);
  whole.set(terminalData.subarray(0, at));
  whole.set(SEQUENCE_COUNTER_HEADER, at);
  whole.set(digits, at + header);
  whole.set(terminalData.subarray(at), at + header + SEQUENCE_COUNTER_BYTES);
  return whole;
}

/** Where an object of that tag stands among objects in ascending order. */
function placeOf(tag: number, objects: Uint8Array): number {
  for (let at = 0; at < objects.length;) {
    const end = canonicalEnd(objects, at, objects.length);
    if (end === 0) throw new RangeError('terminal data of our own that cannot be read');
    if (tagRankAt(objects, at) > tagRank(tag)) return at;
    at = end;
  }
  return objects.length;
}
