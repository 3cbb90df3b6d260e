import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeRecord, type DecodedRecord } from '../ingest/authenticate-record.ts';
import { parseJson } from './request-body.ts';
import { readTapBody } from './tap-body.ts';
import { TapBody } from './wire-schemas.ts';

/** The plain way: JSON, its schema, base64. */
function plainly(body: Uint8Array): DecodedRecord {
  const parsed = parseJson(body, TapBody);
  return parsed.ok ? decodeRecord(parsed.value.record) : parsed;
}

function shown(read: DecodedRecord): string {
  return read.ok
    ? Buffer.from(read.bytes).toString('hex')
    : `${read.refusal.code} ${read.refusal.field ?? ''}`;
}

const same = (text: string): void => {
  assert.equal(shown(readTapBody(Buffer.from(text))), shown(plainly(Buffer.from(text))), text);
};

test('a body is read as JSON, its schema and base64 would read it, whatever is wrong with it', () => {
  for (const text of [
    '{"record":"AAAA"}',
    '{"record":"AAAA"}\r',
    ' {"record":"AAAA"}',
    '{ "record": "AAAA" }',
    '{"record":""}',
    '{"record":"AAA"}',
    '{"record":"AAB="}',
    '{"record":"AA\\u0041A"}',
    '{"record":"AA==","record":"AAAA"}',
    '{"record":"AAAA","more":"AAAA"}',
    '{"record":"AA"AA"}',
    '{"record":1}',
    '{"record":"',
    '{"record":"}',
    '{"record":"é==="}',
    `{"record":"${'A'.repeat(4_600)}"}`,
    '',
  ])
    same(text);
  const piece = fc.constantFrom(
    '{"record":"',
    '"}',
    'AAAA',
    'QQ==',
    '"',
    '\\',
    ',',
    ' ',
    '{',
    '}',
    ':',
    'é',
    '+/',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      same(pieces.join(''));
      same(`{"record":"${pieces.join('')}"}`);
    }),
    { numRuns: 2_000 },
  );
});

test('a record that is base64 is the bytes that were sent', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 800 }), (bytes) => {
      const read = readTapBody(Buffer.from(`{"record":"${Buffer.from(bytes).toString('base64')}"}`));
      assert.equal(shown(read), Buffer.from(bytes).toString('hex'));
    }),
  );
});
