import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseTlv, type TlvNode } from './ber-tlv.ts';
import { hex } from './hex.ts';
import { encodeTlv, encodeTlvTree, type TlvDraft } from './tlv-encoding.ts';

test('lengths take the shortest form on both sides of each limit', () => {
  const head = (length: number): string => hex(encodeTlv('5A', new Uint8Array(length)).subarray(0, 5));
  assert.equal(head(0), '5A00');
  assert.equal(head(127), '5A7F000000');
  assert.equal(head(128), '5A81800000');
  assert.equal(head(255), '5A81FF0000');
  assert.equal(head(256), '5A82010000');
  assert.equal(head(65535), '5A82FFFF00');
  assert.equal(head(65536), '5A83010000');
});

const primitive = fc.record({
  tag: fc.constantFrom('5A', '57', '82', '9F36', '9F02', 'DF8101'),
  value: fc.uint8Array({ maxLength: 300 }),
});
const draft: fc.Arbitrary<TlvDraft> = fc.letrec<{ tree: TlvDraft }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    primitive,
    fc.record({
      tag: fc.constantFrom('70', '77', 'BF0C'),
      children: fc.array(tie('tree'), { maxLength: 4 }),
    }),
  ),
})).tree;

function draftOf(node: TlvNode): TlvDraft {
  return node.children
    ? { tag: node.tag, children: node.children.map(draftOf) }
    : { tag: node.tag, value: node.value };
}

test('decoding what was encoded gives the same tree, and encoding it again the same bytes', () => {
  fc.assert(
    fc.property(fc.array(draft, { maxLength: 5 }), (drafts) => {
      const encoded = encodeTlvTree(drafts);
      const result = parseTlv(encoded, { mode: 'lenient' });
      assert.ok(result.ok);
      assert.equal(hex(encodeTlvTree(result.nodes.map(draftOf))), hex(encoded));
      assert.equal(result.nodes.length, drafts.length);
    }),
  );
});

test('any prefix of an encoded object is refused or empty, never misread', () => {
  const encoded = encodeTlvTree([{ tag: '70', children: [{ tag: '9F36', value: Uint8Array.of(0, 5) }] }]);
  for (let length = 1; length < encoded.length; length++) {
    assert.equal(parseTlv(encoded.subarray(0, length)).ok, false);
  }
});
