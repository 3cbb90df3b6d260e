import { bytesFromHex } from './hex.ts';

/** What encodeTlvTree writes: a value, or the objects inside a template. */
export type TlvDraft =
  | { readonly tag: string; readonly value: Uint8Array }
  | { readonly tag: string; readonly children: readonly TlvDraft[] };

/**
 * One object: tag, shortest definite length, value.
 *
 * @throws RangeError for a tag that is not hex, or a value of 2^24 bytes and more
 */
export function encodeTlv(tag: string, value: Uint8Array): Uint8Array {
  const tagBytes = bytesFromHex(tag);
  const lengthBytes = encodeLength(value.length);
  const encoded = new Uint8Array(tagBytes.length + lengthBytes.length + value.length);
  encoded.set(tagBytes);
  encoded.set(lengthBytes, tagBytes.length);
  encoded.set(value, tagBytes.length + lengthBytes.length);
  return encoded;
}

function encodeLength(length: number): Uint8Array {
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x100) return Uint8Array.of(0x81, length);
  if (length < 0x10000) return Uint8Array.of(0x82, length >> 8, length & 0xff);
  if (length < 0x1000000) return Uint8Array.of(0x83, length >> 16, (length >> 8) & 0xff, length & 0xff);
  throw new RangeError('a value has fewer than 2^24 bytes');
}

/** Objects one after the other, templates from the inside out. */
export function encodeTlvTree(drafts: readonly TlvDraft[]): Uint8Array {
  return Buffer.concat(
    drafts.map((draft) =>
      encodeTlv(draft.tag, 'value' in draft ? draft.value : encodeTlvTree(draft.children)),
    ),
  );
}
