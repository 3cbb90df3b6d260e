import { importSm2PublicKey } from '../../gm/sm2.ts';
import { splitByLayout, type ByteLayout } from '../../emv/byte-layout.ts';
import { parseSm2RootFile, type Sm2CaKey } from '../../emv/ca-keys.ts';
import { equalBytes, hex } from '../../emv/hex.ts';
import { SM2_ICC_LAYOUT, SM2_ISSUER_LAYOUT, SM2_ROOT_LAYOUT } from '../../emv/sm2-certificate-layouts.ts';
import {
  prepareIccCertificate,
  prepareIssuerCertificate,
  SM2_PROFILE_TEST,
} from '../../emv/sm2-certificates.ts';
import { holdsSm2Claim, type Sm2Claim } from '../../emv/sm2-claim.ts';
import { prepareDynamicSignature, prepareStaticSignature } from '../../emv/sm2-signed-data.ts';
import type { OdaRefused } from '../../emv/oda-refusal.ts';
import {
  computed,
  hexAt,
  optionalHexAt,
  unsupported,
  type Judgement,
  type VectorCase,
  type VectorFormat,
} from './vector-case.ts';

const KINDS: ReadonlySet<unknown> = new Set([
  'issuer-certificate',
  'icc-certificate',
  'root-self-signed',
  'signed-static-application-data',
  'signed-dynamic-application-data',
]);
const SIGNATURE_BYTES = 64;

/** Signatures and formats are judged, expiry and owner are not; the parameter id of a test suite's cards is taken. */
const CONTEXT = { pan: null, onDate: null, profile: SM2_PROFILE_TEST };

export const sm2OdaVectors: VectorFormat = {
  name: 'SM2 offline data authentication',
  recognises: (vector) => KINDS.has(vector['kind']) || typeof vector['signer_public_key_xy'] === 'string',
  judge(vector) {
    const staticData = optionalHexAt(vector, 'static_data_hex') ?? new Uint8Array();
    switch (vector['kind']) {
      case 'issuer-certificate':
        return judgeIssuer(vector);
      case 'icc-certificate': {
        const certificate = hexAt(vector, 'certificate');
        const prepared = prepareIccCertificate(certificate, signerOf(vector), staticData, CONTEXT);
        const body = certificate.subarray(0, -SIGNATURE_BYTES);
        return judged(
          vector,
          prepared,
          Buffer.concat([body, staticData]),
          fieldsOf(SM2_ICC_LAYOUT, certificate),
        );
      }
      case 'root-self-signed': {
        const file = hexAt(vector, 'certificate');
        const root = parseSm2RootFile(file);
        const signer = optionalHexAt(vector, 'signer_public_key_xy');
        const bySigner =
          root.ok &&
          root.key.algorithm === 'SM2' &&
          (signer === undefined || equalBytes(signer, root.key.publicKey.xy));
        return computed(vector, {
          valid: bySigner,
          signed_input: hex(file.subarray(0, -SIGNATURE_BYTES)),
          fields: fieldsOf(SM2_ROOT_LAYOUT, file),
          format: hex(file.subarray(0, 1)),
        });
      }
      case 'signed-static-application-data': {
        const ssad = hexAt(vector, 'ssad_93');
        const prepared = prepareStaticSignature(ssad, signerOf(vector), staticData);
        return judged(vector, prepared, Buffer.concat([ssad.subarray(0, 3), staticData]), undefined, {
          format: hex(ssad.subarray(0, 1)),
          data_authentication_code: hex(ssad.subarray(1, 3)),
        });
      }
      case 'signed-dynamic-application-data': {
        const sdad = hexAt(vector, 'sdad_9F4B');
        const terminalData = optionalHexAt(vector, 'terminal_data_hex') ?? new Uint8Array();
        const prepared = prepareDynamicSignature({
          sdad,
          iccKeyXy: signerOf(vector),
          terminalData,
          atc: null,
        });
        const signed = sdad.subarray(0, 2 + (sdad[1] ?? 0));
        return judged(vector, prepared, Buffer.concat([signed, terminalData]), undefined, {
          format: hex(sdad.subarray(0, 1)),
          icc_dynamic_data: hex(signed.subarray(2)),
        });
      }
      default:
        return unsupported('kind of SM2 object is not known');
    }
  },
};

function signerOf(vector: VectorCase): Uint8Array {
  return hexAt(vector, 'signer_public_key_xy');
}

function judgeIssuer(vector: VectorCase): Judgement {
  const certificate = hexAt(vector, 'certificate');
  const publicKey = importSm2PublicKey(signerOf(vector));
  const body = certificate.subarray(0, -SIGNATURE_BYTES);
  const fields = fieldsOf(SM2_ISSUER_LAYOUT, certificate);
  if (publicKey === null)
    return computed(vector, { valid: false, signed_input: hex(body), fields, format: fields?.['format'] });
  const caKey: Sm2CaKey = { algorithm: 'SM2', rid: '', index: 0, expiry: null, publicKey };
  return judged(vector, prepareIssuerCertificate(certificate, caKey, CONTEXT), body, fields);
}

function judged(
  vector: VectorCase,
  prepared: ({ readonly ok: true } & Sm2Claim) | OdaRefused,
  signedInput: Uint8Array,
  fields: Readonly<Record<string, unknown>> | undefined,
  more: Readonly<Record<string, unknown>> = { format: fields?.['format'] },
): Judgement {
  // What is signed is what the check was prepared with; where it was refused, what it would have been.
  const signed = prepared.ok ? prepared.message : signedInput;
  return computed(vector, {
    valid: prepared.ok && holdsSm2Claim(prepared),
    signed_input: hex(signed),
    fields,
    ...more,
  });
}

/** Fields as hex, the key length as a number. */
function fieldsOf<Field extends string>(
  layout: ByteLayout<Field>,
  bytes: Uint8Array,
): Readonly<Record<string, unknown>> | undefined {
  const fields = splitByLayout<Field>(layout, bytes);
  if (fields === null) return undefined;
  return Object.fromEntries(
    layout.map(([field]) => [field, field === 'key_length' ? fields[field][0] : hex(fields[field])]),
  );
}
