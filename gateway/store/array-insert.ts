import { byteaArray, jsonArray, numberArray, textArray } from './array-literal.ts';
import type { Transaction } from './connection.ts';
import type { BoundValue, InsertShape } from './multi-row-insert.ts';

/** How a column travels: an instant as whole milliseconds, everything else as PostgreSQL writes it. */
export type ColumnType = 'text' | 'date' | 'json' | 'smallint' | 'integer' | 'bigint' | 'bytea' | 'instant';

/** A shape whose rows may also travel as arrays: `types` stands beside `columns`. */
export type TypedInsertShape<Row> = InsertShape<Row> & { readonly types: readonly ColumnType[] };

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
  const values = rows.map(shape.valuesOf);
  const parameters = shape.types.map((type, column) =>
    literalOf(
      type,
      values.map((row) => row[column] ?? null),
    ),
  );
  await transaction.unsafe(statementOf(shape), parameters, { prepare: true });
}

function literalOf(type: ColumnType, values: readonly BoundValue[]): string {
  switch (type) {
    case 'text':
    case 'date':
      return textArray(values.map((value) => (typeof value === 'string' ? value : null)));
    case 'json':
      return jsonArray(values);
    case 'smallint':
    case 'integer':
    case 'bigint':
      return numberArray(values.map((value) => (typeof value === 'number' ? value : null)));
    case 'bytea':
      return byteaArray(values.map((value) => (value instanceof Uint8Array ? value : null)));
    case 'instant':
      return numberArray(values.map((value) => (value instanceof Date ? value.getTime() : null)));
  }
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
