import { loadCaKey, type CaKey } from '../emv/ca-keys.ts';
import { bytesFromHex } from '../emv/hex.ts';
import { isIsoDate } from '../wire/identifiers.ts';

const NOTHING = new Uint8Array();

/**
 * Reads the body of the list `ca_keys`: JSON, `{ caKeys: [{ rid, index, algorithm, publicKey, expiresOn }] }`, hexadecimal. A key of
 * an algorithm that this reader does not know, or that does not load, is left out: a card that needs it is refused by its absence,
 * and the others go on.
 *
 * @returns null for a body of another form
 */
export function parseCaKeyList(body: Uint8Array): readonly CaKey[] | null {
  const read = parseJson(body);
  const rows = isObject(read) ? read['caKeys'] : null;
  if (!Array.isArray(rows)) return null;
  return (rows as unknown[]).flatMap((row) => {
    const key = keyOf(row);
    return key === null ? [] : [key];
  });
}

function keyOf(row: unknown): CaKey | null {
  if (!isObject(row)) return null;
  const { rid, index, algorithm, publicKey, expiresOn } = row;
  if (algorithm !== 'SM2' || typeof index !== 'number') return null;
  if (!isHex(rid) || !isHex(publicKey) || typeof expiresOn !== 'string' || !isIsoDate(expiresOn)) return null;
  const loaded = loadCaKey({
    ...{ rid: bytesFromHex(rid), index, expiry: expiresOn, modulus: bytesFromHex(publicKey) },
    ...{ exponent: NOTHING, checksum: NOTHING },
  });
  return loaded.ok ? loaded.key : null;
}

const isHex = (value: unknown): value is string =>
  typeof value === 'string' && /^([0-9A-F]{2})+$/i.test(value);

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
