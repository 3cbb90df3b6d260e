import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parseTlv } from '../emv/ber-tlv.ts';
import { hex } from '../emv/hex.ts';
import { ObjectTable } from './object-table.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');

function tableOf(input: Uint8Array): ObjectTable | null {
  const table = new ObjectTable();
  return table.addAll(input, 0, input.length) ? table : null;
}

describe('a table of data objects', () => {
  test('has what the reader of BER-TLV finds, and takes nothing that it refuses', () => {
    const object = fc
      .tuple(
        fc.constantFrom('5A', '82', '95', '9F36', '9F26', '5F24', '00', '70', 'DF8101', '9F', '1F'),
        fc.nat({ max: 6 }),
        fc.uint8Array({ maxLength: 6 }),
        fc.constantFrom('', '81', '8200', '80'),
      )
      .map(([tag, length, value, form]) =>
        bytes(`${tag}${form}${length.toString(16).padStart(2, '0')}${hex(value)}`),
      );
    let taken = 0;
    fc.assert(
      fc.property(fc.array(object, { maxLength: 5 }), (objects) => {
        const input = Buffer.concat(objects);
        const table = tableOf(input);
        if (table === null) return;
        taken += 1;
        const parsed = parseTlv(input);
        assert.ok(parsed.ok);
        for (const node of parsed.nodes) {
          assert.equal(node.children, undefined);
          assert.equal(hex(table.get(node.tag) ?? bytes('FF')), hex(node.value));
          assert.ok(table.has(node.tag));
        }
        assert.equal(table.get('9F37'), undefined);
      }),
      { numRuns: 5_000 },
    );
    assert.ok(taken > 100, `${taken} inputs were taken`);
  });

  test('leaves templates, repeated objects and what is cut off to others', () => {
    for (const input of ['7003820100', '820100 820100', '8203AABB', '9F', '9F36', 'DF810101 00', '8280'])
      assert.equal(tableOf(bytes(input)), null, input);
    assert.equal(hex(tableOf(bytes('0000 82 02 1234 00 9F36 02 0001'))?.get('9F36') ?? bytes('')), '0001');
  });

  test('a view is made once', () => {
    const table = tableOf(bytes('82021234'));
    assert.ok(table);
    assert.equal(table.get('82'), table.get('82'));
  });
});
