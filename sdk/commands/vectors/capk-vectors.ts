import { caKeyChecksum, loadCaKey } from '../../emv/ca-keys.ts';
import { equalBytes, hex } from '../../emv/hex.ts';
import { computed, hexAt, optionalHexAt, type VectorFormat } from './vector-case.ts';

export const capkVectors: VectorFormat = {
  name: 'CA public key',
  recognises: (vector) =>
    vector['kind'] === undefined &&
    typeof vector['rid'] === 'string' &&
    typeof vector['index'] === 'string' &&
    (vector['type'] === 'SM2' || typeof vector['modulus'] === 'string'),
  judge(vector) {
    const rid = hexAt(vector, 'rid');
    const index = hexAt(vector, 'index')[0] ?? 0;
    if (vector['type'] === 'SM2') {
      const empty = new Uint8Array();
      const modulus = hexAt(vector, 'public_key_xy');
      const loaded = loadCaKey({ rid, index, expiry: null, modulus, exponent: empty, checksum: empty });
      return computed(vector, { on_curve: loaded.ok && loaded.key.algorithm === 'SM2' });
    }
    const stated = { rid, index, modulus: hexAt(vector, 'modulus'), exponent: hexAt(vector, 'exponent') };
    const checksum = optionalHexAt(vector, 'stated_checksum');
    return computed(vector, {
      sha1_of_rid_index_modulus_exponent: hex(caKeyChecksum(stated)),
      checksum_matches: checksum === undefined ? undefined : equalBytes(checksum, caKeyChecksum(stated)),
    });
  },
};
