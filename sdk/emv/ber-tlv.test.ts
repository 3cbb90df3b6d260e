import assert from 'node:assert/strict';
import test from 'node:test';
import { findAll, findTlv, parseTlv, type TlvNode, type TlvOptions, type TlvRefusalCode } from './ber-tlv.ts';
import { bytesFromHex, hex } from './hex.ts';

function parsed(text: string, options: TlvOptions = {}): readonly TlvNode[] {
  const result = parseTlv(bytesFromHex(text), options);
  assert.ok(result.ok, result.ok ? '' : result.refusal.code);
  return result.nodes;
}

/** tag, value or children, compactly: 70{5A=6228} */
function outline(nodes: readonly TlvNode[]): string {
  return nodes
    .map((node) =>
      node.children ? `${node.tag}{${outline(node.children)}}` : `${node.tag}=${hex(node.value)}`,
    )
    .join(' ');
}

const ACCEPTED: readonly [string, string, string][] = [
  ['one byte tag', '9A03260901', '9A=260901'],
  ['two byte tag', '9F36020005', '9F36=0005'],
  ['three byte tag', 'DF8101010A', 'DF8101=0A'],
  ['empty value', '9200', '92='],
  ['empty template', '7000', '70{}'],
  ['template in template', '6F05A503870101', '6F{A5{87=01}}'],
  ['length in 81 form below 80', '5A810162', '5A=62'],
  ['length in 82 form', '5A82000162', '5A=62'],
  ['length in 84 form', '5A840000000162', '5A=62'],
  ['padding before, between and after', '00009A0126005F24010000', '9A=26 5F24=00'],
  ['padding only', '000000', ''],
  ['nothing', '', ''],
  ['the same template twice', 'BF0C0C61044F02A00061044F02A001', 'BF0C{61{4F=A000} 61{4F=A001}}'],
  ['one tag in two templates', '5A01627003570162570170', '5A=62 70{57=62} 57=70'],
  ['tags that share their low five bits', '8201004201009F2201009F020100', '82=00 42=00 9F22=00 9F02=00'],
];

test('what BER and EMV allow is read', () => {
  for (const [name, input, expected] of ACCEPTED) assert.equal(outline(parsed(input)), expected, name);
});

const REFUSED: readonly [string, string, TlvRefusalCode, number, string][] = [
  ['tag says one more byte', '1F', 'tag_truncated', 1, ''],
  ['tag says one more byte, twice', '9FC8', 'tag_truncated', 2, ''],
  ['tag of five bytes', '9F8181818101', 'tag_too_long', 4, ''],
  ['no length', '9F02', 'length_missing', 2, '9F02'],
  ['no length inside a template', '70029F02', 'length_missing', 4, '70 9F02'],
  ['indefinite length', '6F8000000000', 'indefinite_length', 1, '6F'],
  ['length of five bytes', '5A850000000001', 'length_too_long', 1, '5A'],
  ['length byte FF', '5AFF', 'length_too_long', 1, '5A'],
  ['two length bytes promised, one there', '708201', 'length_truncated', 3, '70'],
  ['length of 4 GiB', '5A84FFFFFFFF', 'value_truncated', 6, '5A'],
  ['value one byte short', '5A036228', 'value_truncated', 4, '5A'],
  ['child longer than its template', '7004570411225A0162', 'value_truncated', 6, '70 57'],
  ['length of a child outside its template', '700257', 'value_truncated', 3, '70'],
  ['template longer than the input', '70055A0162', 'value_truncated', 5, '70'],
];

test('broken input is refused with the offset, the path and what was expected', () => {
  for (const [name, input, code, offset, path] of REFUSED) {
    for (const mode of ['strict', 'lenient'] as const) {
      const result = parseTlv(bytesFromHex(input), { mode });
      assert.ok(!result.ok, name);
      assert.equal(result.refusal.code, code, name);
      assert.equal(result.refusal.offset, offset, name);
      assert.equal(result.refusal.path.join(' '), path, name);
      assert.notEqual(result.refusal.expected, '', name);
    }
  }
});

const STRICT_ONLY: readonly [string, string, TlvRefusalCode, number, string][] = [
  ['ATC twice with two values', '770A9F360200019F36020002', 'duplicate_object', 7, '77 9F36'],
  ['PAN twice with one value', '5A01625A0162', 'duplicate_object', 3, '5A'],
  ['three byte tag twice', 'DF810100DF810100', 'duplicate_object', 4, 'DF8101'],
  ['tag number beginning with zeros', '9F80010A', 'tag_not_minimal', 1, ''],
];

test('a kernel refuses what a reader keeps: duplicates and padded tag numbers', () => {
  for (const [name, input, code, offset, path] of STRICT_ONLY) {
    assert.equal(
      parseTlv(bytesFromHex(input), { mode: 'lenient' }).ok,
      !input.startsWith('9F80010A') || false,
      name,
    );
    const result = parseTlv(bytesFromHex(input));
    assert.ok(!result.ok, name);
    assert.deepEqual(
      [result.refusal.code, result.refusal.offset, result.refusal.path.join(' ')],
      [code, offset, path],
      name,
    );
  }
});

test('depth and number of objects are bounded whatever the input says', () => {
  let nested = new Uint8Array();
  for (let depth = 0; depth < 40; depth++) nested = Uint8Array.of(0x70, nested.length, ...nested);
  const deep = parseTlv(nested);
  assert.ok(!deep.ok);
  assert.equal(deep.refusal.code, 'too_deep');
  const many = parseTlv(bytesFromHex('9200'.repeat(600)), { mode: 'lenient' });
  assert.ok(!many.ok);
  assert.equal(many.refusal.code, 'too_many_objects');
  assert.equal(parseTlv(bytesFromHex('7000'), { maxDepth: 1 }).ok, false);
  const huge = parseTlv(new Uint8Array((1 << 20) + 1));
  assert.ok(!huge.ok);
  assert.equal(huge.refusal.code, 'input_too_long');
});

test('values are views of the input, also of a Buffer inside a pool', () => {
  const pool = Buffer.from('FFFF5A0262289000', 'hex');
  const result = parseTlv(pool.subarray(2, 6));
  assert.ok(result.ok);
  const value = result.nodes[0]?.value;
  assert.ok(value);
  assert.equal(value.buffer, pool.buffer);
  assert.equal(hex(value), '6228');
  assert.equal(result.nodes[0]?.value, value);
});

test('an opaque template keeps its value and has no children', () => {
  const nodes = parsed('E504010270FF', { opaqueTags: new Set(['E5']) });
  assert.equal(hex(nodes[0]?.value ?? new Uint8Array()), '010270FF');
  assert.equal(nodes[0]?.children, undefined);
});

test('objects are found by path and at any depth', () => {
  const fci = parsed('6F138402A000A50D9F38039F3704BF0C0461025000');
  assert.equal(hex(findTlv(fci, '6F', 'A5', '9F38')?.value ?? new Uint8Array()), '9F3704');
  assert.equal(findTlv(fci, '6F', '9F38'), undefined);
  assert.equal(findTlv(fci), undefined);
  assert.equal(findAll(fci, '50').length, 1);
  assert.equal(findAll(fci, '5A').length, 0);
});
