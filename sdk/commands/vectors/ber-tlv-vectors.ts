import { parseTlv, type TlvNode } from '../../emv/ber-tlv.ts';
import { hex } from '../../emv/hex.ts';
import { computed, hexAt, type VectorFormat } from './vector-case.ts';

/** A tree as the vectors write it: tag, length, and value or children. */
export function vectorTree(nodes: readonly TlvNode[]): unknown[] {
  return nodes.map(({ tag, value, children }) =>
    children === undefined
      ? { tag, length: value.length, value: hex(value) }
      : { tag, length: value.length, children: vectorTree(children) },
  );
}

export const berTlvVectors: VectorFormat = {
  name: 'BER-TLV',
  recognises: (vector) => typeof vector['input_hex'] === 'string',
  judge(vector) {
    const input = hexAt(vector, 'input_hex');
    // A reader keeps what a kernel must refuse, so each is asked in its own mode.
    const read = parseTlv(input, { mode: 'lenient' });
    return computed(vector, {
      ok: read.ok,
      tree: read.ok ? vectorTree(read.nodes) : undefined,
      kernel_accepts: parseTlv(input, { mode: 'strict' }).ok,
    });
  },
};
