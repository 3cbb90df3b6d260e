import { hex } from '../../emv/hex.ts';
import { firstCryptogramType, parseIad, secondCryptogramType } from '../../emv/iad.ts';
import { computed, hexAt, type VectorFormat } from './vector-case.ts';

const byteHex = (byte: number): string => hex(Uint8Array.of(byte));

export const iadVectors: VectorFormat = {
  name: 'issuer application data',
  recognises: (vector) => typeof vector['iad_9F10'] === 'string',
  judge(vector) {
    const bytes = hexAt(vector, 'iad_9F10');
    const iad = parseIad(bytes);
    const idd = iad?.discretionary ?? null;
    return computed(vector, {
      ok: iad !== null,
      length: iad?.mandatoryLength,
      dki: iad && byteHex(iad.derivationKeyIndex),
      cvn: iad && byteHex(iad.cryptogramVersion),
      cvr: iad && hex(iad.cvr),
      ac_in_first_or_only_gen_ac: iad && firstCryptogramType(iad.cvr),
      ac_in_second_gen_ac: iad && secondCryptogramType(iad.cvr),
      algorithm: iad?.algorithm ?? null,
      // The byte itself: 00 says that nothing follows, and a card may leave it out altogether.
      idd_length: iad && (bytes[1 + iad.mandatoryLength] ?? null),
      idd_id: idd && byteHex(idd.id),
      idd_amount: idd && hex(idd.amounts),
      idd_mac: idd && hex(idd.mac),
    });
  },
};
