import type { AskedGateway } from './asked-gateway.ts';
import type { GateDecision, Rail, TapKind } from '../wire/rails.ts';
import type { TapSequence, TerminalId } from '../wire/identifiers.ts';

/**
 * The tap record: one canonical BER-TLV byte string, made once by the terminal, never re-encoded. JSON only wraps it.
 * Whoever needs its identity hashes the bytes as they came.
 *
 *   E1                            tap record; its children stand in exactly this order, each once but E5
 *     C1  1      binary           layout version: 01, or 02 of a terminal that may ask its gateway (CE)
 *     C2  8      ASCII            terminal id (9F1C form)
 *     C3  4      binary           tap sequence, big-endian
 *     C4  8      binary           terminal clock at the decision, ms since the Unix epoch, big-endian
 *     C5  1      binary           rail: index in RAILS
 *     C6  1      binary           tap kind: index in TAP_KINDS
 *     C7  1-16   ASCII            line id, as the operator's network names it
 *     C8  0-16   ASCII            station id; empty where the line has one fare for all stops
 *     C9  1-64   ASCII            rule set version that the terminal held
 *     CA  4      binary           hotlist version that the terminal held, big-endian
 *     CB  1      binary           gate decision: index in GATE_DECISIONS
 *     CC  0-40   ASCII            refusal code of a denial; empty for open
 *     CD  5-16   binary           DF name of the selected application (tag 84 of its FCI)
 *     CE  9      binary           layout 02 alone: whether the gateway was asked for this decision (asked-gateway.ts); end of asking: index in
 *                                 ASKING_ENDS, budget in ms (2), waited in ms (2), hotlist version of the judgement (4), all big-endian
 *     E3  any    BER-TLV          terminal data objects as sent to the card (9F66 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37 DF69) and
 *                                 those that only clearing needs (9F33 9F1E 9F35 9F34 9F09 9F41), each once, ascending by their
 *                                 tag bytes as printed (5F2A before 95 before 9F02)
 *     E4  1-256  binary           the GPO response body, verbatim (77 template)
 *     E5  3-258  binary           one record, verbatim: SFI, record number, response body (70 template); in the order read
 *     DE  32     binary           HMAC-SM3 under the terminal's MAC key over all bytes of E1's value before this object
 *
 * A layout 01 with CE, or a layout 02 without, is no record.
 *
 * The card's data objects are kept as read because the proof is made over bytes, not over meanings. A denial may lack E4 and
 * E5, because a card may have failed before it gave them; E5 without E4 cannot be, since E4 says which records to read. A card that
 * failed before an application was selected leaves no tap record, only a fault of the terminal: nothing in it names a card.
 */
export type TapRecord = {
  readonly terminalId: TerminalId;
  readonly tapSequence: TapSequence;
  readonly tappedAtMs: number;
  readonly rail: Rail;
  readonly tapKind: TapKind;
  readonly lineId: string;
  readonly stationId: string | null;
  readonly ruleSetVersion: string;
  readonly hotlistVersion: number;
  readonly gateDecision: GateDecision;
  readonly gateRefusal: string | null;
  /** left out by a terminal that does not ask: its records are of layout 1 */
  readonly asked?: AskedGateway;
  readonly dfName: Uint8Array;
  /** value of E3 */
  readonly terminalData: Uint8Array;
  /** value of E4, null when the card gave no GPO response */
  readonly gpoResponse: Uint8Array | null;
  readonly cardRecords: readonly CardRecord[];
};

export type CardRecord = { readonly sfi: number; readonly recordNumber: number; readonly body: Uint8Array };

/** The version that a record is written in: the lowest that has all it says, so that a terminal that does not ask writes what it ever wrote. */
export function layoutVersionOf(record: Pick<TapRecord, 'asked'>): 1 | 2 {
  return record.asked === undefined ? 1 : 2;
}
