import type { Fen } from '@tapgate/sdk/wire/money';
import type { ContactProfile } from './contact-profile.ts';
import type { VerificationResults } from './verification-results.ts';

type Method = ContactProfile['verificationMethods'][number];

const METHOD_OF_CODE: ReadonlyMap<number, Method> = new Map([
  [0x02, 'online_pin'],
  [0x1e, 'signature'],
  [0x1f, 'no_cvm'],
]);
/** Codes that name a method, though no counter of ours has it: offline PIN in the clear or enciphered, with signature or not. */
const OFFLINE_PIN_CODES = [0x01, 0x03, 0x04, 0x05];
const FAIL_CODE = 0x00;
const TRY_NEXT = 0x40;

const CONDITION_ALWAYS = 0x00;
const CONDITION_UNATTENDED_CASH = 0x01;
const CONDITION_NOT_CASH = 0x02;
const CONDITION_TERMINAL_SUPPORTS = 0x03;
const CONDITION_MANUAL_CASH = 0x04;
const CONDITION_WITH_CASHBACK = 0x05;

/** 9F34: method and condition that were used, and how it ended (00 unknown, 01 failed, 02 successful). */
export type VerificationOutcome = { readonly method: Method | null; readonly cvmResults: Uint8Array };

const NOT_PERFORMED: VerificationOutcome = { method: null, cvmResults: Uint8Array.of(0x3f, 0x00, 0x00) };

/**
 * Goes through the card's list of verification methods (8E: amounts X and Y of 4 bytes, then code and condition pairs) until one
 * applies and the terminal has it.
 *
 * @param results notes a failed or unknown method, and that a PIN went online
 * @spec EMV Book 3 section 10.5 and annex C3 (general knowledge)
 */
export function verifyCardholder(
  list: Uint8Array | undefined,
  amountFen: Fen,
  profile: Pick<ContactProfile, 'verificationMethods'>,
  results: VerificationResults,
): VerificationOutcome {
  if (list === undefined || list.length < 10 || list.length % 2 !== 0) {
    if (list !== undefined) results.found('card_data_missing');
    return NOT_PERFORMED;
  }
  results.performed('cardholder_verification_performed');
  const view = Buffer.from(list);
  const limits = { x: view.readUInt32BE(0), y: view.readUInt32BE(4) };
  for (let at = 8; at < list.length; at += 2) {
    const [code = 0, condition = 0] = list.subarray(at, at + 2);
    const method = METHOD_OF_CODE.get(code & 0x3f) ?? null;
    const isSupported = method !== null && profile.verificationMethods.includes(method);
    if (!applies(condition, amountFen, limits, isSupported)) continue;
    if (isSupported) return succeed(method, code, condition, results);
    if (method === null && !OFFLINE_PIN_CODES.includes(code & 0x3f) && (code & 0x3f) !== FAIL_CODE)
      results.found('cvm_unrecognised');
    if ((code & TRY_NEXT) === 0) {
      results.found('cardholder_verification_failed');
      return { method: null, cvmResults: Uint8Array.of(code, condition, 0x01) };
    }
  }
  results.found('cardholder_verification_failed');
  return { method: null, cvmResults: Uint8Array.of(0x3f, 0x00, 0x01) };
}

function succeed(
  method: Method,
  code: number,
  condition: number,
  results: VerificationResults,
): VerificationOutcome {
  if (method === 'online_pin') results.found('online_pin_entered');
  // Only "no CVM" is known to have succeeded when the cryptogram is made; a signature or an online PIN is judged later.
  return { method, cvmResults: Uint8Array.of(code, condition, method === 'no_cvm' ? 0x02 : 0x00) };
}

function applies(
  condition: number,
  amountFen: Fen,
  limits: { readonly x: number; readonly y: number },
  isSupported: boolean,
): boolean {
  switch (condition) {
    case CONDITION_ALWAYS:
    case CONDITION_NOT_CASH:
      return true;
    case CONDITION_TERMINAL_SUPPORTS:
      return isSupported;
    case CONDITION_UNATTENDED_CASH:
    case CONDITION_MANUAL_CASH:
    case CONDITION_WITH_CASHBACK:
      return false;
    case 0x06:
      return amountFen < limits.x;
    case 0x07:
      return amountFen > limits.x;
    case 0x08:
      return amountFen < limits.y;
    case 0x09:
      return amountFen > limits.y;
    default:
      return false;
  }
}
