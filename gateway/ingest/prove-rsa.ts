import type { RsaCaKey } from '@tapgate/sdk/emv/ca-keys';
import type { OdaRefusal } from '@tapgate/sdk/emv/oda-refusal';
import { verifyRsaIccCertificate, verifyRsaIssuerCertificate } from '@tapgate/sdk/emv/rsa-certificates';
import { verifyRsaDynamicSignature } from '@tapgate/sdk/emv/rsa-signed-data';
import type { TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';

/**
 * Proves a card of the RSA chain, all of it at once: three public operations with a small exponent cost less than sending one
 * SM2 check to another thread.
 *
 * @param terminalData what the dynamic signature must cover; or the refusal of the version of fDDA, which ranks after the
 *   certificates
 * @returns null when everything verifies
 * @spec pboc-contactless.md 4.1, 4.2, 4.4
 */
export function proveRsa(
  evidence: TapEvidence,
  caKey: RsaCaKey,
  terminalData: Uint8Array | OdaRefusal,
  context: { readonly onDate: IsoDate; readonly revoked: ReadonlySet<string> },
): OdaRefusal | null {
  const { cardObjects, identity } = evidence;
  const certificates = { ...context, pan: identity.pan };
  const issuerObjects = {
    certificate: evidence.issuerCertificate,
    remainder: cardObjects.get('92'),
    exponent: cardObjects.get('9F32'),
  };
  const issuer = verifyRsaIssuerCertificate(issuerObjects, caKey, certificates);
  if (!issuer.ok) return issuer.refusal;
  const cardCertificate = {
    certificate: evidence.cardCertificate,
    remainder: cardObjects.get('9F48'),
    exponent: cardObjects.get('9F47'),
  };
  const card = verifyRsaIccCertificate(cardCertificate, issuer.publicKey, evidence.staticData, certificates);
  if (!card.ok) return card.refusal;
  if ('code' in terminalData) return terminalData;
  const dynamic = verifyRsaDynamicSignature({
    sdad: evidence.signedDynamicData,
    iccKey: card.publicKey,
    terminalData,
    atc: cardObjects.get('9F36') ?? new Uint8Array(),
  });
  return dynamic.ok ? null : dynamic.refusal;
}
