import { equalBytes, hex } from '../../emv/hex.ts';
import {
  certifiedRsaKey,
  recoverRsaIccCertificate,
  recoverRsaIssuerCertificate,
  verifyRsaIccCertificate,
  verifyRsaIssuerCertificate,
  type RsaCertificateObjects,
  type RsaRecovered,
} from '../../emv/rsa-certificates.ts';
import type { RsaPublicKey } from '../../emv/rsa-recovery.ts';
import {
  cdaTransactionHash,
  parseCdaData,
  recoverRsaDynamicData,
  recoverRsaStaticData,
  verifyRsaDynamicSignature,
  verifyRsaStaticSignature,
} from '../../emv/rsa-signed-data.ts';
import { readDynamicNumber } from '../../emv/sm2-signed-data.ts';
import { computed, hexAt, optionalHexAt, type VectorCase, type VectorFormat } from './vector-case.ts';

/** Validity is of signatures and formats: owner and expiry are not judged. Format 95 was seen on a real card (4.1). */
const CONTEXT = { pan: null, onDate: null };
const FORMATS_SEEN = [0x05, 0x95];

export const rsaOdaVectors: VectorFormat = {
  name: 'RSA offline data authentication',
  recognises: (vector) => vector['kind'] === 'rsa-chain' || typeof vector['capk_modulus'] === 'string',
  judge(vector) {
    const caKey: RsaPublicKey = {
      modulus: hexAt(vector, 'capk_modulus'),
      exponent: hexAt(vector, 'capk_exponent'),
    };
    const staticData = optionalHexAt(vector, 'static_data_hex') ?? new Uint8Array();
    const issuer = objectsOf(vector, 'issuer_cert_90', 'issuer_remainder_92', 'issuer_exponent_9F32');
    const icc = objectsOf(vector, 'icc_cert_9F46', 'icc_remainder_9F48', 'icc_exponent_9F47');

    const issuerRecovered = issuer.certificate && recoverRsaIssuerCertificate(issuer.certificate, caKey);
    const issuerKey = keyOf(issuerRecovered, issuer);
    const iccRecovered =
      issuerKey && icc.certificate ? recoverRsaIccCertificate(icc.certificate, issuerKey) : undefined;
    const iccKey = keyOf(iccRecovered, icc);

    const caName = { rid: '', index: 0, expiry: null, algorithm: 'RSA' } as const;
    return computed(vector, {
      issuer: fieldsOf(issuerRecovered, issuerKey, 'issuer_id'),
      icc: fieldsOf(iccRecovered, iccKey, 'pan'),
      issuer_valid: verifyRsaIssuerCertificate(issuer, { ...caName, ...caKey }, CONTEXT).ok,
      icc_valid: issuerKey !== undefined && verifyRsaIccCertificate(icc, issuerKey, staticData, CONTEXT).ok,
      ...staticResults(vector, issuerKey, staticData),
      ...dynamicResults(vector, iccKey),
    });
  },
};

function objectsOf(
  vector: VectorCase,
  certificate: string,
  remainder: string,
  exponent: string,
): RsaCertificateObjects {
  return {
    certificate: optionalHexAt(vector, certificate),
    remainder: optionalHexAt(vector, remainder),
    exponent: optionalHexAt(vector, exponent),
  };
}

/** The certified key, whether or not the certificate's hash can be checked. */
function keyOf(
  recovered: RsaRecovered | undefined,
  objects: RsaCertificateObjects,
): RsaPublicKey | undefined {
  if (recovered?.ok !== true || objects.exponent === undefined) return undefined;
  return (
    certifiedRsaKey(recovered.certificate, objects.remainder ?? new Uint8Array(), objects.exponent) ??
    undefined
  );
}

function fieldsOf(
  recovered: RsaRecovered | undefined,
  key: RsaPublicKey | undefined,
  identifier: 'issuer_id' | 'pan',
): Readonly<Record<string, unknown>> | undefined {
  if (recovered?.ok !== true) return undefined;
  const { certificate } = recovered;
  const byteHex = (byte: number): string => hex(Uint8Array.of(byte));
  return {
    format: byteHex(certificate.format),
    [identifier]: hex(certificate.identifier),
    expiry_mmyy: hex(certificate.expiryMmyy),
    serial: hex(certificate.serial),
    hash_alg: byteHex(certificate.hashAlgorithm),
    pk_alg: byteHex(certificate.keyAlgorithm),
    key_length: certificate.keyLength,
    modulus: key && hex(key.modulus),
  };
}

function staticResults(
  vector: VectorCase,
  issuerKey: RsaPublicKey | undefined,
  staticData: Uint8Array,
): Readonly<Record<string, unknown>> {
  const ssad = optionalHexAt(vector, 'ssad_93');
  const recovered = issuerKey && ssad ? recoverRsaStaticData(ssad, issuerKey) : undefined;
  return {
    sda_valid: issuerKey !== undefined && verifyRsaStaticSignature(ssad, issuerKey, staticData).ok,
    // Without static data the signature cannot be checked, but the code stands in what was recovered.
    data_authentication_code:
      recovered?.ok === true ? hex(recovered.signed.dataAuthenticationCode) : undefined,
  };
}

function dynamicResults(
  vector: VectorCase,
  iccKey: RsaPublicKey | undefined,
): Readonly<Record<string, unknown>> {
  const sdad = optionalHexAt(vector, 'sdad');
  const recovered = iccKey && sdad ? recoverRsaDynamicData(sdad, iccKey) : undefined;
  const signed = recovered?.ok === true ? recovered.signed : undefined;
  const number = signed && readDynamicNumber(signed.dynamicData);
  const cda = signed && parseCdaData(signed.dynamicData);
  const terminalData = optionalHexAt(vector, 'dynamic_terminal_data_hex') ?? new Uint8Array();
  return {
    sdad_valid:
      iccKey !== undefined &&
      verifyRsaDynamicSignature({ sdad, iccKey, terminalData, atc: null, formats: FORMATS_SEEN }).ok,
    signed_data_format: signed && hex(Uint8Array.of(signed.format)),
    icc_dynamic_data: signed && hex(signed.dynamicData),
    icc_dynamic_number: number ? hex(number) : undefined,
    cid: cda ? hex(Uint8Array.of(cda.cid)) : undefined,
    application_cryptogram: cda ? hex(cda.cryptogram) : undefined,
    transaction_data_hash: cda ? hex(cda.transactionDataHash) : undefined,
    transaction_data_hash_valid: cda ? equalBytes(cda.transactionDataHash, exchangedHash(vector)) : undefined,
  };
}

/** The hash over what a case says was exchanged. */
function exchangedHash(vector: VectorCase): Uint8Array {
  const bytesOf = (key: string): Uint8Array => optionalHexAt(vector, key) ?? new Uint8Array();
  return cdaTransactionHash({
    pdolValues: bytesOf('pdol_values_hex'),
    cdolValues: Buffer.concat([bytesOf('cdol1_values_hex'), bytesOf('cdol2_values_hex')]),
    responseWithoutSdad: bytesOf('response_tlv_without_9F4B_hex'),
  });
}
