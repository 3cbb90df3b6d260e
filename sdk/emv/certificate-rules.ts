import type { IsoDate } from '../wire/identifiers.ts';
import { compressedDigits } from './bcd.ts';
import type { Pan } from './card-identity.ts';
import { lastDayOfMonthMmyy } from './expiry.ts';
import { hex } from './hex.ts';

// What RSA and SM2 certificates are judged by alike (pboc-contactless.md 4.1 and 4.3): whose they are, and how long they hold.

/** How a revocation list names an issuer certificate: RID, CA key index and serial number, e.g. A000000333/57/000001. */
export function issuerCertificateName(
  caKey: { readonly rid: string; readonly index: number },
  serial: Uint8Array,
): string {
  return `${caKey.rid}/${hex(Uint8Array.of(caKey.index))}/${hex(serial)}`;
}

/** Decides whether an F-padded issuer identifier of 3 to 8 digits begins the PAN (EMV: leftmost 3 to 8 digits). */
export function matchesIssuer(pan: Pan, issuerId: Uint8Array): boolean {
  const digits = compressedDigits(issuerId);
  return digits !== null && pan.hasIssuerIdentifier(digits);
}

/** Decides whether the F-padded PAN of a certificate is the card's. */
export function matchesPan(pan: Pan, certified: Uint8Array): boolean {
  return compressedDigits(certified) === pan.reveal();
}

/** Decides whether MMYY exists and that month has not ended; null date: only whether it exists. */
export function isValidOn(expiryMmyy: Uint8Array, onDate: IsoDate | null): boolean {
  const lastDay = lastDayOfMonthMmyy(expiryMmyy);
  return lastDay !== null && (onDate === null || onDate <= lastDay);
}
