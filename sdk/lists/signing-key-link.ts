import { importSm2PublicKey } from '../gm/sm2.ts';

/** A key under which lists are signed: 64 bytes X and Y, and its id, `<name>/<version>`. */
export type SigningKey = { readonly keyId: string; readonly publicKeyXy: Uint8Array };

/**
 * How a terminal in the field gets from the key that it was enrolled with to the next one: the key before signs the key after. What is
 * signed are the bytes of the text, after a prefix of their own, so that no list is ever a key.
 */
export type SigningKeyLink = {
  /** JSON: `{"keyId":"list-signing/2","publicKey":"<base64>"}`, fields in this order, no space */
  readonly statement: string;
  /** SM2 by the key before, r and s, 64 bytes, base64 */
  readonly signature: string;
};

export function writeKeyStatement(key: SigningKey): string {
  return JSON.stringify({ keyId: key.keyId, publicKey: Buffer.from(key.publicKeyXy).toString('base64') });
}

export function keyLinkMessage(statement: string): Uint8Array {
  return Buffer.from(`tapgate-list-signing-key|${statement}`, 'utf8');
}

export type KeyLinkRefusalCode =
  | 'signing_key_signature_invalid'
  | 'signing_key_malformed'
  | 'signing_key_downgrade'
  | 'signing_key_not_next';

export type KeyLinkJudgement =
  { readonly ok: true; readonly key: SigningKey } | { readonly ok: false; readonly code: KeyLinkRefusalCode };

/**
 * Decides whether a terminal that holds a key takes the next one in its place. From then on lists of the key before are refused: it is
 * replaced because it may have been lost.
 *
 * @refuses in this order: signing_key_signature_invalid (not of the key that is held, so nothing else of it is believed),
 *   signing_key_malformed, signing_key_downgrade (this version or an older one), signing_key_not_next (a version was left out)
 */
export function judgeKeyLink(link: SigningKeyLink, held: SigningKey): KeyLinkJudgement {
  const signature = Buffer.from(link.signature, 'base64');
  const holds = importSm2PublicKey(held.publicKeyXy)?.verify(keyLinkMessage(link.statement), signature);
  if (holds !== true) return { ok: false, code: 'signing_key_signature_invalid' };
  const key = parseKeyStatement(link.statement);
  const [from, to] = [signingKeyVersion(held.keyId), signingKeyVersion(key?.keyId ?? '')];
  if (key === null || from === null || to === null) return { ok: false, code: 'signing_key_malformed' };
  if (to <= from) return { ok: false, code: 'signing_key_downgrade' };
  if (to !== from + 1) return { ok: false, code: 'signing_key_not_next' };
  return { ok: true, key };
}

/** `list-signing/2` is 2. @returns null for anything else */
export function signingKeyVersion(keyId: string): number | null {
  const [, version] = /^list-signing\/([1-9]\d{0,8})$/.exec(keyId) ?? [];
  return version === undefined ? null : Number(version);
}

/** @returns null for a text that `writeKeyStatement` would not write, or a point that is no key */
function parseKeyStatement(text: string): SigningKey | null {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof read !== 'object' || read === null || !('keyId' in read) || !('publicKey' in read)) return null;
  const { keyId, publicKey } = read;
  if (typeof keyId !== 'string' || typeof publicKey !== 'string') return null;
  const key = { keyId, publicKeyXy: Buffer.from(publicKey, 'base64') };
  return importSm2PublicKey(key.publicKeyXy) !== null && writeKeyStatement(key) === text ? key : null;
}
