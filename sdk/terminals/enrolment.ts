import { hmacSm3 } from '../gm/sm3.ts';

/**
 * The words by which a terminal and its gateway get to know each other, once. A one-time code is the key of both MACs and travels in
 * neither: whoever overhears an enrolment learns no code, and whoever stands between cannot put a key of his own in.
 */
export type EnrolmentClaim = {
  readonly terminalId: string;
  /** by the terminal's clock, ms since the Unix epoch */
  readonly issuedAtMs: number;
  /** 64 bytes, X || Y */
  readonly publicKeyXy: Uint8Array;
};

/** What the terminal signs with its new key: that it has it. ASCII. */
export function possessionMessage(claim: EnrolmentClaim): Uint8Array {
  return Buffer.from(
    `tapgate-terminal-enrolment|${claim.terminalId}|${claim.issuedAtMs}|${hexOf(claim.publicKeyXy)}`,
  );
}

/** The MAC of the request, under the code. */
export function requestMac(code: string, claim: EnrolmentClaim, signature: Uint8Array): Uint8Array {
  return hmacSm3(keyOf(code), possessionMessage(claim), Buffer.from(`|${hexOf(signature)}`, 'ascii'));
}

/** The MAC of the answer, under the same code, over the answer's text as it is sent. */
export function answerMac(code: string, statement: string): Uint8Array {
  return hmacSm3(keyOf(code), Buffer.from(`tapgate-terminal-enrolled|${statement}`, 'utf8'));
}

/** Digits and letters that nobody takes for another: no I, L, O and U. */
const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_LETTERS = 16;
/** Random bytes for one code: 80 bits, five a letter. */
export const CODE_BYTES = 10;

/** @returns `XXXX-XXXX-XXXX-XXXX` @throws RangeError unless there are CODE_BYTES of randomness */
export function enrolmentCode(random: Uint8Array): string {
  if (random.length !== CODE_BYTES) throw new RangeError(`a code is made of ${CODE_BYTES} bytes`);
  const bits = random.reduce((all, byte) => (all << 8n) | BigInt(byte), 0n);
  const letters = Array.from({ length: CODE_LETTERS }, (_, place) =>
    ALPHABET.charAt(Number((bits >> BigInt(5 * (CODE_LETTERS - 1 - place))) & 31n)),
  );
  return [0, 4, 8, 12].map((at) => letters.slice(at, at + 4).join('')).join('-');
}

/** A code as a person may type it: letters of either size, with dashes or not. @returns null for what is none */
export function readEnrolmentCode(typed: string): string | null {
  const letters = typed.toUpperCase().replaceAll(/[\s-]/g, '');
  const isCode =
    letters.length === CODE_LETTERS && Array.from(letters).every((letter) => ALPHABET.includes(letter));
  return isCode ? letters.replaceAll(/(.{4})(?=.)/g, '$1-') : null;
}

const keyOf = (code: string): Uint8Array => Buffer.from(code, 'ascii');
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').toUpperCase();
