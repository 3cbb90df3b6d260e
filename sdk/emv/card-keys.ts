import { createHash } from 'node:crypto';
import { sm3 } from '../gm/sm3.ts';
import { sm4EcbEncrypt } from '../gm/sm4.ts';
import { bcdFromDigits } from './bcd.ts';
import type { Pan } from './card-identity.ts';
import { hex } from './hex.ts';
import { tripleDesEncrypt } from './triple-des.ts';

export type SymmetricAlgorithm = '3DES' | 'SM4';

/** Which digits a card's own key is made from when PAN and sequence number have more than 16 of them. */
export type UdkOption = 'A' | 'B';

/** Whose key it is: the PAN and the two digits of its sequence number, 00 where the card states none. */
export type CardKeyOwner = { readonly pan: Pan; readonly panSequenceNumber: string };

/**
 * Derives a card's unique key from an issuer master key, 16 bytes. Y is PAN and sequence number as 16 digits; 3DES encrypts Y
 * and its inverse as two blocks, SM4 both as one.
 *
 * Option A keeps the rightmost 16 digits. Option B differs for PANs over 16 digits only: it takes 16 decimal digits out of a
 * hash of PAN and sequence number.
 *
 * @throws RangeError for a master key that is not 16 bytes or a sequence number that is not two digits
 * @spec pboc-contactless.md 5.1: sure for 3DES with option A, likely for SM4.
 * NOTE: the reference describes option A only. Option B is EMV's (Book 2 annex A1.4.2, from general knowledge); with SM4 no
 *   source says which hash, SM3 is taken, as PBOC's SM profile replaces SHA-1 by it elsewhere. [unsure]
 */
export function deriveUdk(
  algorithm: SymmetricAlgorithm,
  masterKey: Uint8Array,
  owner: CardKeyOwner,
  option: UdkOption = 'A',
): Uint8Array {
  const y = option === 'B' && owner.pan.reveal().length > 16 ? yOfHash(algorithm, owner) : yOfDigits(owner);
  const blocks = new Uint8Array(16);
  blocks.set(y);
  for (let index = 0; index < y.length; index++) blocks[index + y.length] = (y[index] ?? 0) ^ 0xff;
  return algorithm === 'SM4' ? sm4EcbEncrypt(masterKey, blocks) : tripleDesEncrypt(masterKey, blocks);
}

function ownerDigits(owner: CardKeyOwner): string {
  if (!/^\d{2}$/.test(owner.panSequenceNumber)) throw new RangeError('a PAN sequence number has two digits');
  return owner.pan.reveal() + owner.panSequenceNumber;
}

function yOfDigits(owner: CardKeyOwner): Uint8Array {
  return bcdFromDigits(ownerDigits(owner).slice(-16), 8);
}

/** The first 16 decimal digits of the hash, then, where it has fewer, its letters A to F read as 0 to 5. */
function yOfHash(algorithm: SymmetricAlgorithm, owner: CardKeyOwner): Uint8Array {
  const digits = ownerDigits(owner);
  const hashed = bcdFromDigits(digits, Math.ceil(digits.length / 2));
  const digest = hex(algorithm === 'SM4' ? sm3(hashed) : createHash('sha1').update(hashed).digest());
  return bcdFromDigits(decimalize(digest), 8);
}

/** Sixteen decimal digits out of hex: its digits from the left, then its letters from the left as A = 0 to F = 5. */
export function decimalize(digest: string): string {
  const decimals = digest.replaceAll(/[A-F]/g, '');
  const letters = digest
    .replaceAll(/\d/g, '')
    .replaceAll(/[A-F]/g, (letter) => String(letter.charCodeAt(0) - 65));
  return (decimals + letters).slice(0, 16);
}

function inverted(bytes: Uint8Array): Uint8Array {
  return bytes.map((byte) => byte ^ 0xff);
}

/**
 * How a transaction's key comes from the card's. PBOC places the ATC and its inverse at the end of each half; EMV's common
 * session key places ATC F0 and ATC 0F at the beginning; some Visa versions use the card's key itself.
 */
export type SessionKeyMethod = 'PBOC' | 'EMV-CSK' | 'none';

/**
 * Derives the key of one transaction, 16 bytes.
 *
 * @param atc 2 bytes, tag 9F36
 * @throws RangeError for lengths that are not those
 * @spec pboc-contactless.md 5.1: PBOC's is not EMV common session key derivation (sure)
 */
export function deriveSessionKey(
  algorithm: SymmetricAlgorithm,
  udk: Uint8Array,
  atc: Uint8Array,
  method: SessionKeyMethod = 'PBOC',
): Uint8Array {
  if (atc.length !== 2) throw new RangeError('an ATC has 2 bytes');
  if (method === 'none') return udk;
  const blocks = new Uint8Array(16);
  if (method === 'PBOC') {
    blocks.set(atc, 6);
    blocks.set(inverted(atc), 14);
  } else {
    blocks.set(atc, 0);
    blocks[2] = 0xf0;
    blocks.set(atc, 8);
    blocks[10] = 0x0f;
  }
  return algorithm === 'SM4' ? sm4EcbEncrypt(udk, blocks) : tripleDesEncrypt(udk, blocks);
}
