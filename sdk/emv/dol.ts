import { tagText } from './ber-tlv.ts';
import { findTag, type TagFormat } from './tags.ts';

/** One entry of a data object list: which object the card asks for, and in how many bytes. */
export type DolEntry = { readonly tag: string; readonly length: number };

export type DolRefusal = {
  readonly code: 'tag_truncated' | 'tag_too_long' | 'length_missing';
  readonly offset: number;
  readonly expected: string;
};
export type DolResult =
  | { readonly ok: true; readonly entries: readonly DolEntry[]; readonly totalLength: number }
  | { readonly ok: false; readonly refusal: DolRefusal };

const MAX_TAG_BYTES = 4;

/**
 * Reads a data object list (PDOL, CDOL, DDOL): tags, each followed by one length byte. The list is at most one TLV value, so
 * the entries and the data asked for are bounded by its length.
 *
 * @refuses tag_truncated, tag_too_long, length_missing
 * @spec pboc-contactless.md 2.4; tags as in BER-TLV
 */
export function parseDol(dol: Uint8Array): DolResult {
  const entries: DolEntry[] = [];
  let totalLength = 0;
  let at = 0;
  while (at < dol.length) {
    const start = at;
    if (((dol[at] ?? 0) & 0x1f) === 0x1f) {
      do {
        at++;
        if (at >= dol.length) return refused('tag_truncated', at, 'one more tag byte');
        if (at - start >= MAX_TAG_BYTES)
          return refused('tag_too_long', at, `a tag of at most ${MAX_TAG_BYTES} bytes`);
      } while (((dol[at] ?? 0) & 0x80) !== 0);
    }
    at++;
    const length = dol[at];
    if (length === undefined) return refused('length_missing', at, 'a length byte');
    entries.push({ tag: tagText(dol, start, at), length });
    totalLength += length;
    at++;
  }
  return { ok: true, entries, totalLength };
}

function refused(code: DolRefusal['code'], offset: number, expected: string): DolResult {
  return { ok: false, refusal: { code, offset, expected } };
}

/** Values by tag; the first source that has a tag gives its value. */
export type DolSource = ReadonlyMap<string, Uint8Array>;

/**
 * The data that a list asks for, in its order. A tag that no source has is filled with zeros. A value of another length is cut
 * or padded by its format: n keeps the right end and gets leading zeros; cn keeps the left end and gets trailing F; every
 * other keeps the left end and gets trailing zeros.
 *
 * @spec pboc-contactless.md 2.4, padding rules (sure: emv-utils)
 */
export function buildDolData(entries: readonly DolEntry[], sources: readonly DolSource[]): Uint8Array {
  let total = 0;
  for (const { length } of entries) total += length;
  const data = new Uint8Array(total);
  let at = 0;
  for (const { tag, length } of entries) {
    const value = firstValue(sources, tag);
    // Most values have the length that is asked for; only another one needs its format.
    if (value?.length === length) data.set(value, at);
    else if (value !== undefined) fill(data.subarray(at, at + length), value, findTag(tag)?.format ?? 'b');
    at += length;
  }
  return data;
}

function firstValue(sources: readonly DolSource[], tag: string): Uint8Array | undefined {
  for (const source of sources) {
    const value = source.get(tag);
    if (value !== undefined) return value;
  }
  return undefined;
}

/** Writes one value into its field, which holds zeros so far. */
function fill(field: Uint8Array, value: Uint8Array, format: TagFormat): void {
  const surplus = value.length - field.length;
  if (format === 'n') {
    if (surplus > 0) field.set(value.subarray(surplus));
    else field.set(value, -surplus);
    return;
  }
  if (format === 'cn' && surplus < 0) field.fill(0xff, value.length);
  field.set(surplus > 0 ? value.subarray(0, field.length) : value);
}
