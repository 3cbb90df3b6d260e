import { findTlv, parseTlv, type TlvNode } from '@tapgate/sdk/emv/ber-tlv';
import { cryptogramTypeOfCid, type CryptogramType, type Iad, parseIad } from '@tapgate/sdk/emv/iad';

/** What a card answers to GENERATE AC. */
export type CryptogramResponse = {
  readonly type: CryptogramType;
  /** 9F27 */
  readonly cid: Uint8Array;
  /** 9F36 */
  readonly atc: Uint8Array;
  /** 9F26; null while it stands inside a combined signature that is not yet opened */
  readonly cryptogram: Uint8Array | null;
  /** 9F10, null where the card gave none */
  readonly iad: Iad | null;
  /** 9F4B and the objects beside it, for a combined signature */
  readonly combined: { readonly sdad: Uint8Array; readonly responseWithoutSdad: Uint8Array } | null;
};

const FIXED_BYTES = 11;

/**
 * Reads the response: template 80 (CID 1, ATC 2, cryptogram 8, issuer application data) or template 77 with the objects by tag.
 *
 * @returns null when an object that must be there is not, or has another length than its form
 */
export function parseCryptogramResponse(data: Uint8Array): CryptogramResponse | null {
  const parsed = parseTlv(data);
  const [template, ...surplus] = parsed.ok ? parsed.nodes : [];
  if (template === undefined || surplus.length > 0) return null;
  if (template.tag === '80') {
    const { value } = template;
    if (value.length < FIXED_BYTES) return null;
    const rest = value.subarray(FIXED_BYTES);
    return build({
      cid: value.subarray(0, 1),
      atc: value.subarray(1, 3),
      cryptogram: value.subarray(3, FIXED_BYTES),
      iad: rest.length === 0 ? undefined : rest,
      combined: null,
    });
  }
  if (template.tag !== '77') return null;
  const children = template.children ?? [];
  const valueOf = (tag: string) => findTlv(children, tag)?.value;
  const sdad = valueOf('9F4B');
  const others = children.filter((node) => node.tag !== '9F4B');
  return build({
    cid: valueOf('9F27'),
    atc: valueOf('9F36'),
    cryptogram: valueOf('9F26') ?? null,
    iad: valueOf('9F10'),
    combined:
      sdad === undefined
        ? null
        : {
            sdad,
            responseWithoutSdad: Buffer.concat(others.map((node) => bytesOfObject(data, node))),
          },
  });
}

/** An object as it was sent, tag and length included: the signature covers its very bytes. */
function bytesOfObject(data: Uint8Array, node: TlvNode): Uint8Array {
  const valueAt = node.value.byteOffset - data.byteOffset;
  return data.subarray(node.offset, valueAt + node.value.length);
}

function build(fields: {
  readonly cid: Uint8Array | undefined;
  readonly atc: Uint8Array | undefined;
  readonly cryptogram: Uint8Array | null;
  readonly iad: Uint8Array | undefined;
  readonly combined: CryptogramResponse['combined'];
}): CryptogramResponse | null {
  const { cid, atc, cryptogram, combined } = fields;
  const type = cid === undefined ? null : cryptogramTypeOfCid(cid);
  const iad = fields.iad === undefined ? null : parseIad(fields.iad);
  if (cid === undefined || type === null || atc?.length !== 2) return null;
  if (cryptogram === null ? combined === null : cryptogram.length !== 8) return null;
  if (fields.iad !== undefined && iad === null) return null;
  return { type, cid, atc, cryptogram, iad, combined };
}

/** GENERATE AC: 80 AE P1 00 Lc data 00; P1 asks for a type (bits 8-7) and a combined signature (bit 5). */
export function generateAcCommand(type: CryptogramType, asksCda: boolean, data: Uint8Array): Uint8Array {
  const p1 = { AAC: 0x00, TC: 0x40, ARQC: 0x80 }[type] | (asksCda ? 0x10 : 0x00);
  return Buffer.concat([Uint8Array.of(0x80, 0xae, p1, 0x00, data.length), data, Uint8Array.of(0x00)]);
}
