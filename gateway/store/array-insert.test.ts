import assert from 'node:assert/strict';
import { test } from 'node:test';
import { boundShape, columnArrays, type TypedInsertShape } from './array-insert.ts';

type Row = {
  readonly word: string | null;
  readonly bytes: Uint8Array | string;
  readonly atMs: number;
  readonly document: unknown;
};

const SHAPE: TypedInsertShape<Row> = {
  table: 'ride',
  columns: ['word', 'bytes', 'at', 'document'],
  types: ['text', 'bytea', 'instant', 'json'],
  valuesOf: (row) => [row.word, row.bytes, row.atMs, row.document as never],
};

const ROWS: readonly Row[] = [
  { word: 'a "b" \\c', bytes: Uint8Array.of(1, 255), atMs: 5, document: { zh: '票价："2.00" 元' } },
  { word: null, bytes: 'AB01', atMs: 6, document: [] },
];

test('each column is one array, quoted as PostgreSQL reads it', () => {
  assert.deepEqual(columnArrays(SHAPE, ROWS), [
    String.raw`{"a \"b\" \\c",NULL}`,
    String.raw`{"\\x01ff","\\xAB01"}`,
    '{5,6}',
    String.raw`{"{\"zh\":\"票价：\\\"2.00\\\" 元\"}","[]"}`,
  ]);
});

test('bound one by one, hex is bytes and an instant is a Date', () => {
  assert.deepEqual(boundShape(SHAPE).valuesOf(ROWS[1] ?? never()), [
    null,
    Buffer.from([0xab, 1]),
    new Date(6),
    [],
  ]);
});

function never(): never {
  throw new Error('there is a second row');
}
