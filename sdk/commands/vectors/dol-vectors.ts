import { buildDolData, parseDol, type DolSource } from '../../emv/dol.ts';
import { hex } from '../../emv/hex.ts';
import { computed, hexAt, isObject, listAt, VectorFormError, type VectorFormat } from './vector-case.ts';

function sourceOf(value: unknown): DolSource {
  if (!isObject(value)) throw new VectorFormError('values holds something that is not an object');
  return new Map(Object.keys(value).map((tag) => [tag.toUpperCase(), hexAt(value, tag)]));
}

export const dolVectors: VectorFormat = {
  name: 'data object list',
  recognises: (vector) => typeof vector['dol_hex'] === 'string',
  judge(vector) {
    const dol = parseDol(hexAt(vector, 'dol_hex'));
    if (!dol.ok)
      return computed(vector, { ok: false, entries: undefined, total_length: undefined, data: undefined });
    const sources = vector['values'] === undefined ? [] : listAt(vector, 'values').map(sourceOf);
    return computed(vector, {
      ok: true,
      entries: dol.entries,
      total_length: dol.totalLength,
      data: hex(buildDolData(dol.entries, sources)),
    });
  },
};
