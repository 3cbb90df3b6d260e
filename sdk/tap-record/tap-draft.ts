import { bcdDigits, bcdFromDigits } from '../emv/bcd.ts';
import { type Pan, parsePan } from '../emv/card-identity.ts';
import { isTerminalId, type TerminalId } from '../wire/identifiers.ts';
import { type Refusal, refuse } from '../wire/refusals.ts';
import { type CanonicalObject, CanonicalWriter, readCanonicalObjects } from './canonical-tlv.ts';
import { asciiText, MAC_BYTES, MAC_TAG } from './tap-record-layout.ts';

/**
 * What a gate asks its gateway about before it decides: a card's act, named and not proven. Nothing is charged by it and nothing kept.
 *
 *   E2                 tap draft; each child once and in this order
 *     C1    1   binary layout version, 01
 *     C2    8   ASCII  terminal id
 *     5A    10  cn     PAN, F to the right
 *     5F34  1   n      PAN sequence number
 *     9F36  2   binary ATC
 *     DE    32  binary HMAC-SM3 under the terminal's MAC key over all bytes of E2's value before this object
 *
 * In a tap record C3 follows C2, so that neither can be passed off as the other, whatever template is put around it.
 */
export type TapDraft = {
  readonly terminalId: TerminalId;
  readonly pan: Pan;
  /** two digits */
  readonly panSequenceNumber: string;
  readonly atc: number;
};

const DRAFT_TAG = 0xe2;
const DRAFT_LAYOUT_VERSION = 1;
const LAYOUT = [
  { tag: 0xc1, bytes: 1 },
  { tag: 0xc2, bytes: 8 },
  { tag: 0x5a, bytes: 10 },
  { tag: 0x5f34, bytes: 1 },
  { tag: 0x9f36, bytes: 2 },
  { tag: MAC_TAG, bytes: MAC_BYTES },
] as const;

/** Every draft has this length. */
export const DRAFT_BYTES = 2 + 3 + 10 + 12 + 4 + 5 + 34;

export type ParsedTapDraft =
  | {
      readonly ok: true;
      readonly draft: TapDraft;
      readonly macInput: Uint8Array;
      readonly mac: Uint8Array;
    }
  | { readonly ok: false; readonly refusal: Refusal<'record_malformed'> };

/** @param mac HMAC-SM3 under the terminal's MAC key, 32 bytes @throws RangeError for a value that does not fit its object */
export function encodeTapDraft(draft: TapDraft, mac: (macInput: Uint8Array) => Uint8Array): Uint8Array {
  const { terminalId, pan, panSequenceNumber, atc } = draft;
  const fields = new CanonicalWriter(DRAFT_BYTES);
  fields.write(0xc1, Uint8Array.of(DRAFT_LAYOUT_VERSION));
  fields.write(0xc2, Buffer.from(terminalId, 'ascii'));
  fields.write(0x5a, pan.toCompressed());
  fields.write(0x5f34, bcdFromDigits(panSequenceNumber, 1));
  fields.write(0x9f36, Uint8Array.of(atc >> 8, atc & 0xff));
  fields.write(MAC_TAG, mac(fields.written()));
  const bytes = fields.writtenAs(DRAFT_TAG);
  if (bytes.length !== DRAFT_BYTES || atc >> 16 !== 0) throw new RangeError('not a tap draft');
  return bytes;
}

/** @refuses record_malformed with the path of the first object that is missing, misplaced, or of another length or form */
export function parseTapDraft(bytes: Uint8Array): ParsedTapDraft {
  const [outer, ...trailing] = readCanonicalObjects(bytes, 0, bytes.length) ?? [];
  if (outer?.tag !== DRAFT_TAG || trailing.length > 0) return malformed('E2');
  const children = readCanonicalObjects(outer.value, 0, outer.value.length);
  if (children?.length !== LAYOUT.length) return malformed('E2');
  for (const [place, { tag, bytes: length }] of LAYOUT.entries()) {
    const child = children[place];
    if (child?.tag !== tag || child.value.length !== length)
      return malformed(`E2.${tag.toString(16).toUpperCase()}`);
  }
  const [version, terminal, card, sequenceNumber, counter, mac] = children.map(({ value }) => value);
  const terminalId = asciiText(terminal ?? EMPTY);
  const pan = parsePan(card ?? EMPTY);
  const panSequenceNumber = bcdDigits(sequenceNumber ?? EMPTY);
  if (version?.[0] !== DRAFT_LAYOUT_VERSION) return malformed('E2.C1');
  if (!isTerminalId(terminalId)) return malformed('E2.C2');
  if (pan === null) return malformed('E2.5A');
  if (panSequenceNumber === null) return malformed('E2.5F34');
  return {
    ok: true,
    draft: { terminalId, pan, panSequenceNumber, atc: Buffer.from(counter ?? EMPTY).readUInt16BE(0) },
    macInput: outer.value.subarray(0, macStart(children)),
    mac: mac ?? EMPTY,
  };
}

const EMPTY = new Uint8Array();
const macStart = (children: readonly CanonicalObject[]): number => children.at(-1)?.start ?? 0;

function malformed(field: string): ParsedTapDraft {
  return { ok: false, refusal: refuse('record_malformed', field) };
}
