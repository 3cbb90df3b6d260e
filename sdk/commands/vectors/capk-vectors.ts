import { caKeyChecksum } from '../../emv/ca-keys.ts';
import { equalBytes, hex } from '../../emv/hex.ts';
import { importSm2PublicKey } from '../../gm/sm2.ts';
import { computed, hexAt, optionalHexAt, type VectorFormat } from './vector-case.ts';

export const capkVectors: VectorFormat = {
  name: 'CA public key',
  recognises: (vector) =>
    vector['kind'] === undefined &&
    (vector['type'] === 'SM2'
      ? typeof vector['public_key_xy'] === 'string'
      : typeof vector['rid'] === 'string' &&
        typeof vector['index'] === 'string' &&
        typeof vector['modulus'] === 'string'),
  judge(vector) {
    if (vector['type'] === 'SM2')
      return computed(vector, { on_curve: importSm2PublicKey(hexAt(vector, 'public_key_xy')) !== null });
    const rid = hexAt(vector, 'rid');
    const index = hexAt(vector, 'index')[0] ?? 0;
    const stated = { rid, index, modulus: hexAt(vector, 'modulus'), exponent: hexAt(vector, 'exponent') };
    const checksum = optionalHexAt(vector, 'stated_checksum');
    return computed(vector, {
      sha1_of_rid_index_modulus_exponent: hex(caKeyChecksum(stated)),
      checksum_matches: checksum === undefined ? undefined : equalBytes(checksum, caKeyChecksum(stated)),
    });
  },
};
