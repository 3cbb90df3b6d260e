import { readCardIdentity, type CardIdentity } from '@tapgate/sdk/emv/card-identity';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { readCardObjects } from '@tapgate/sdk/tap-record/card-exchange';
import { readEvidence, type TapEvidence, type TapEvidenceResult } from '@tapgate/sdk/tap-record/tap-evidence';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';
import { parseTapRecord, verifyTapRecordMac } from '@tapgate/sdk/tap-record/tap-record-codec';
import { panToken, type PanToken, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { RECORD_BYTES_MAX } from '@tapgate/sdk/wire/limits';
import { refuse, type ProofRefusalCode, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { BinTable } from './bin-table.ts';
import type { TapToJudge } from './judge-tap.ts';
import type { TerminalPlacement } from './terminal-placement.ts';

/** Reference data and keys of one gateway, as far as reading a record needs them. */
export type RecordAuthority = {
  findPlacement(terminalId: TerminalId): TerminalPlacement | null;
  /** HMAC-SM3 under the MAC key of the terminal, 32 bytes */
  terminalMac(terminalId: TerminalId, macInput: Uint8Array): Uint8Array;
  panToken(panDigits: string): PanToken;
  readonly bins: BinTable;
};

/** A tap whose terminal is known and whose MAC verifies; what the card's data objects say of it is read, not proven. */
export type AuthenticTap = TapToJudge & {
  readonly record: TapRecord;
  readonly bytes: Uint8Array;
  readonly card: ReadCard;
};

/** What the card's answers say, well-formed or not. */
export type ReadCard = {
  /** NO_CARD where no PAN could be read */
  readonly panToken: PanToken;
  readonly psn: number;
  readonly atc: number;
  /** 9F02 as the terminal says it sent it, fen */
  readonly amountFen: number;
  /** everything that a proof needs, or the refusal that says what is missing */
  readonly evidence: TapEvidence | ProofRefusalCode;
};

/** The name under which a tap is kept whose card never said who it is: a torn card at a gate that stayed shut. */
export const NO_CARD: PanToken = panToken('0'.repeat(32));

export type Authentication =
  | { readonly ok: true; readonly tap: AuthenticTap }
  | { readonly ok: false; readonly refusal: Refusal; readonly terminalId: TerminalId | null };

/**
 * Reads the bytes of one record and decides whether a terminal of ours made them. Parsed here once, trusted from here on.
 *
 * @param sender the terminal whose session sent the record; null where the session is not a terminal's
 * @refuses record_too_large, record_malformed, terminal_unknown, terminal_mac_invalid, terminal_revoked, terminal_mismatch,
 *   in this order
 */
export function authenticateRecord(
  bytes: Uint8Array,
  sender: TerminalId | null,
  authority: RecordAuthority,
): Authentication {
  const parsed = parseTapRecord(bytes);
  if (!parsed.ok) return refused(parsed.refusal);
  const { record } = parsed;
  const placement = authority.findPlacement(record.terminalId);
  if (placement === null) return refused(refuse('terminal_unknown', 'record.terminalId'));
  const macVerifies = verifyTapRecordMac(parsed, (input) => authority.terminalMac(record.terminalId, input));
  if (!macVerifies) return refused(refuse('terminal_mac_invalid', 'record.mac'), record.terminalId);
  if (placement.revokedAtMs !== null && record.tappedAtMs >= placement.revokedAtMs)
    return refused(refuse('terminal_revoked', 'record.terminalId'), record.terminalId);
  if (sender !== null && sender !== record.terminalId)
    return refused(refuse('terminal_mismatch', 'record.terminalId'), sender);

  const evidence = readEvidence(record);
  const identity = evidence.ok ? evidence.evidence.identity : findIdentity(record);
  const digits = identity?.pan.reveal();
  const panDigits = digits !== undefined && digits.length >= PAN_DIGITS_MIN ? digits : undefined;
  return {
    ok: true,
    tap: {
      bytes,
      record,
      recordSm3: sm3(bytes),
      placement,
      bankId: panDigits === undefined ? null : authority.bins.findBank(panDigits),
      card: {
        panToken: panDigits === undefined ? NO_CARD : authority.panToken(panDigits),
        psn: Number(identity?.panSequenceNumber ?? 0),
        atc: evidence.ok ? evidence.evidence.atc : 0,
        amountFen: evidence.ok ? evidence.evidence.terminal.amountAuthorisedFen : 0,
        evidence: evidenceOf(evidence, panDigits !== undefined),
      },
    },
  };
}

function refused(refusal: Refusal, terminalId: TerminalId | null = null): Authentication {
  return { ok: false, refusal, terminalId };
}

/** ISO/IEC 7812: a PAN of a bank has 12 digits at least; a shorter number is nobody's. */
const PAN_DIGITS_MIN = 12;

function evidenceOf(read: TapEvidenceResult, hasPan: boolean): TapEvidence | ProofRefusalCode {
  if (!read.ok) return read.refusal.code;
  return hasPan ? read.evidence : 'card_data_invalid';
}

/** Who the card said it was, where that much was read although the proof cannot be made. */
function findIdentity(record: TapRecord): CardIdentity | null {
  const read = readCardObjects(record);
  if (!read.ok) return null;
  const identified = readCardIdentity(read.objects);
  return identified.ok ? identified.identity : null;
}

export type DecodedRecord =
  { readonly ok: true; readonly bytes: Uint8Array } | { readonly ok: false; readonly refusal: Refusal };

const BASE64_LENGTH_MAX = Math.ceil(RECORD_BYTES_MAX / 3) * 4;

/**
 * Base64 in its one canonical spelling, because the record's bytes are its identity and what is decoded leniently has many.
 *
 * @refuses record_too_large, record_not_base64
 */
export function decodeRecord(text: string): DecodedRecord {
  if (text.length > BASE64_LENGTH_MAX) return { ok: false, refusal: refuse('record_too_large', 'record') };
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === 0 || bytes.toString('base64') !== text)
    return { ok: false, refusal: refuse('record_not_base64', 'record') };
  return { ok: true, bytes };
}
