import type { Transaction } from './connection.ts';
import type { BoundValue, InsertShape } from './multi-row-insert.ts';

/** How a column travels: an instant as whole milliseconds, bytes as themselves or in hex, everything else as PostgreSQL writes it. */
export type ColumnType = 'text' | 'date' | 'json' | 'smallint' | 'integer' | 'bigint' | 'bytea' | 'instant';

/**
 * A shape whose rows travel as arrays: `types` stands beside `columns`, and the values are as `ColumnType` says, an instant a number of
 * milliseconds, bytes a Uint8Array or hex.
 */
export type TypedInsertShape<Row> = InsertShape<Row> & { readonly types: readonly ColumnType[] };

/** The same shape with the values that postgres.js binds one by one (multi-row-insert.ts). */
export function boundShape<Row>({ types, ...shape }: TypedInsertShape<Row>): InsertShape<Row> {
  const bound = (value: BoundValue, type: ColumnType | undefined): BoundValue => {
    if (type === 'instant' && typeof value === 'number') return new Date(value);
    if (type === 'bytea' && typeof value === 'string') return Buffer.from(value, 'hex');
    return value;
  };
  return {
    ...shape,
    valuesOf: (row) => shape.valuesOf(row).map((value, index) => bound(value, types[index])),
  };
}

/**
 * Inserts many rows by one statement in which each column travels once, as one array: what costs PostgreSQL and its client
 * least. Citus would pull the rows through its coordinator; there it is `insertRows` (multi-row-insert.ts). Rows are inserted
 * in the given order.
 */
export async function insertArrays<Row>(
  transaction: Transaction,
  shape: TypedInsertShape<Row>,
  rows: readonly Row[],
): Promise<void> {
  if (rows.length === 0) return;
  await transaction.unsafe(statementOf(shape), columnArrays(shape, rows), { prepare: true });
}

/** Each column of the rows as PostgreSQL writes an array. */
export function columnArrays<Row>(shape: TypedInsertShape<Row>, rows: readonly Row[]): string[] {
  const columns: string[][] = shape.types.map(() => []);
  for (const row of rows) {
    const values = shape.valuesOf(row);
    for (let column = 0; column < columns.length; column += 1) {
      columns[column]?.push(elementOf(shape.types[column], values[column] ?? null));
    }
  }
  return columns.map((elements) => `{${elements.join(',')}}`);
}

const TO_ESCAPE = /["\\]/;

function elementOf(type: ColumnType | undefined, value: BoundValue): string {
  if (value === null) return 'NULL';
  // The text of a document has no raw control character, so that escaping it once more as JSON escapes quotes and backslashes and
  // nothing else: what an array wants, by the fastest way there is.
  if (type === 'json') return JSON.stringify(JSON.stringify(value));
  if (typeof value === 'number') return String(value);
  if (value instanceof Uint8Array) return `"\\\\x${hexOf(value)}"`;
  if (typeof value !== 'string') throw new RangeError('a value is not of the type of its column');
  if (type === 'bytea') return `"\\\\x${value}"`;
  return TO_ESCAPE.test(value) ? `"${value.replaceAll(/["\\]/g, '\\$&')}"` : `"${value}"`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

const texts = new Map<string, string>();

function statementOf(shape: TypedInsertShape<never>): string {
  const found = texts.get(shape.table);
  if (found !== undefined) return found;
  const sent = shape.types.map((type, index) => `$${index + 1}::${type === 'instant' ? 'bigint' : type}[]`);
  const taken = shape.columns.map((column, index) =>
    shape.types[index] === 'instant' ? `to_timestamp(${column} / 1000.0)` : column,
  );
  const names = shape.columns.join(', ');
  const text =
    `insert into ${shape.table} (${names}) select ${taken.join(', ')} from unnest(${sent.join(', ')}) ` +
    `as r (${names}) ${shape.suffix ?? ''}`;
  texts.set(shape.table, text);
  return text;
}
