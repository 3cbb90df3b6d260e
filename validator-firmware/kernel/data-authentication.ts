import { decideFddaVersion, FDDA_POLICY_GATE, fddaTerminalData } from '@tapgate/sdk/emv/fdda';
import type { OdaRefusal, OdaRefused } from '@tapgate/sdk/emv/oda-refusal';
import { verifyRsaDynamicSignature } from '@tapgate/sdk/emv/rsa-signed-data';
import { verifyDynamicSignature } from '@tapgate/sdk/emv/sm2-signed-data';
import type { TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { DataObjects } from '@tapgate/sdk/tap-record/object-table';
import { type CardAuthority, proveCardKey, proveIssuerKey, type ProvenKey } from './key-chain.ts';

/**
 * Proves a contactless card offline: issuer certificate under the CA's key, card certificate under the issuer's over the static
 * data, dynamic signature over what the terminal sent. All of it on every tap: a gate keeps no memory of cards, and it is one
 * millisecond.
 *
 * @returns null when everything verifies
 * @refuses in the order of the chain: ca_key_*, issuer_*, icc_*, fdda_version_refused, card_authentication_data_invalid,
 *   ctq_mismatch, signed_dynamic_data_*, dynamic_*
 * @spec pboc-contactless.md 4.1 to 4.4
 */
export function authenticateCard(
  evidence: TapEvidence,
  dfName: Uint8Array,
  onDate: IsoDate,
  authority: CardAuthority,
): OdaRefusal | null {
  const card = { objects: evidence.cardObjects, pan: evidence.identity.pan, dfName, onDate, authority };
  const issuer = proveIssuerKey(card);
  if (!issuer.ok) return issuer.refusal;
  const own = proveCardKey(card, issuer.key, evidence.staticData);
  if (!own.ok) return own.refusal;
  const proof = proveAct(evidence, own.key, authority);
  return proof.ok ? null : proof.refusal;
}

/** The dynamic signature of fDDA: this card, this amount, this terminal's random, this ATC (4.4). */
function proveAct(
  evidence: TapEvidence,
  cardKey: ProvenKey,
  authority: CardAuthority,
): { readonly ok: true } | OdaRefused {
  const { terminal, cardObjects, cardAuthenticationData, signedDynamicData: sdad } = evidence;
  const version = decideFddaVersion(
    {
      ttq: terminal.ttq,
      cardAuthenticationData,
      ctq: evidence.cardTransactionQualifiers,
      cardApplicationVersion: cardObjects.get('9F08') ?? null,
      algorithm: cardKey.algorithm,
    },
    authority.fddaPolicy ?? FDDA_POLICY_GATE,
  );
  if (!version.ok) return version;
  const terminalData = fddaTerminalData(version.version, {
    unpredictableNumber: terminal.unpredictableNumber,
    amount: objectOf(terminal.objects, '9F02'),
    currency: objectOf(terminal.objects, '5F2A'),
    cardAuthenticationData,
  });
  const atc = objectOf(cardObjects, '9F36');
  return cardKey.algorithm === 'SM2'
    ? verifyDynamicSignature({ sdad, iccKeyXy: cardKey.publicKey.xy, terminalData, atc }, cardKey.publicKey)
    : verifyRsaDynamicSignature({ sdad, iccKey: cardKey.publicKey, terminalData, atc });
}

function objectOf(objects: DataObjects, tag: string): Uint8Array {
  const value = objects.get(tag);
  if (value === undefined) throw new RangeError('evidence without an object that it was read with');
  return value;
}
