import type { Sm2Claim } from '@tapgate/sdk/emv/sm2-claim';

// Claims on their way to a worker thread, as one buffer that is handed over and not copied. Sending the claims as they are would
// clone the whole memory that each view is cut from, which is kilobytes for a few hundred bytes.
//
//   public key 64 | signature 64 | length of the message 4, big-endian | message        one claim behind the other

const KEY_BYTES = 64;
const SIGNATURE_BYTES = 64;
const HEAD_BYTES = KEY_BYTES + SIGNATURE_BYTES + 4;

/** A claim whose key or signature has another length holds for nobody: it is packed as zeros, which no key verifies. */
export function packClaims(claims: readonly Sm2Claim[]): Uint8Array<ArrayBuffer> {
  const size = claims.reduce((sum, claim) => sum + HEAD_BYTES + claim.message.length, 0);
  const packed = new Uint8Array(size);
  const view = new DataView(packed.buffer);
  let at = 0;
  for (const { publicKeyXy, signatureRs, message } of claims) {
    if (publicKeyXy.length === KEY_BYTES && signatureRs.length === SIGNATURE_BYTES) {
      packed.set(publicKeyXy, at);
      packed.set(signatureRs, at + KEY_BYTES);
    }
    view.setUint32(at + KEY_BYTES + SIGNATURE_BYTES, message.length);
    packed.set(message, at + HEAD_BYTES);
    at += HEAD_BYTES + message.length;
  }
  return packed;
}

export function unpackClaims(packed: Uint8Array): Sm2Claim[] {
  const view = new DataView(packed.buffer, packed.byteOffset, packed.byteLength);
  const claims: Sm2Claim[] = [];
  for (let at = 0; at < packed.length;) {
    const message = at + HEAD_BYTES;
    const end = message + view.getUint32(at + KEY_BYTES + SIGNATURE_BYTES);
    claims.push({
      publicKeyXy: packed.subarray(at, at + KEY_BYTES),
      signatureRs: packed.subarray(at + KEY_BYTES, at + KEY_BYTES + SIGNATURE_BYTES),
      message: packed.subarray(message, end),
    });
    at = end;
  }
  return claims;
}
