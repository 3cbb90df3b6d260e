import type postgres from 'postgres';

/** What postgres.js binds without being told a type: the server knows it from the column. */
export type BoundValue = string | number | Date | Uint8Array | null | postgres.JSONValue;

/** A table and the columns that are written, in the order in which `valuesOf` gives them. */
export type InsertShape<Row> = {
  readonly table: string;
  readonly columns: readonly string[];
  readonly valuesOf: (row: Row) => readonly BoundValue[];
  /** text after the values, e.g. an ON CONFLICT clause */
  readonly suffix?: string;
};

/**
 * Rows go in pieces of these sizes, so that one table has seven prepared statements and not one for each number of rows that
 * a batch may have. The largest keeps the widest table far below the 65,535 parameters of one statement.
 */
const PIECES = [128, 64, 32, 16, 8, 4, 2, 1] as const;

/**
 * Inserts many rows by multi-row VALUES: the shape that is fast on PostgreSQL and on Citus alike (INSERT ... SELECT FROM unnest
 * is pulled through Citus' coordinator; design.md "Store"). The statements are sent one behind the other without waiting; rows
 * are inserted in the given order, so locks are taken in it.
 */
export function insertRows<Row>(
  transaction: postgres.TransactionSql<{ int8: number }>,
  shape: InsertShape<Row>,
  rows: readonly Row[],
): Promise<unknown>[] {
  const sent: Promise<unknown>[] = [];
  let at = 0;
  for (const size of PIECES) {
    while (rows.length - at >= size) {
      const values: BoundValue[] = [];
      for (let row = at; row < at + size; row++) {
        const item = rows[row];
        if (item !== undefined) values.push(...shape.valuesOf(item));
      }
      // Started at once: postgres.js sends a query when somebody waits for it.
      sent.push(transaction.unsafe(statement(shape, size), values, { prepare: true }).execute());
      at += size;
    }
  }
  return sent;
}

const texts = new Map<string, string>();

function statement<Row>(shape: InsertShape<Row>, rows: number): string {
  const name = `${shape.table} ${rows} ${shape.suffix ?? ''}`;
  const found = texts.get(name);
  if (found !== undefined) return found;
  const width = shape.columns.length;
  const tuples = Array.from({ length: rows }, (_, row) => {
    const marks = Array.from({ length: width }, (_column, column) => `$${row * width + column + 1}`);
    return `(${marks.join(',')})`;
  });
  const text = `insert into ${shape.table} (${shape.columns.join(',')}) values ${tuples.join(',')} ${shape.suffix ?? ''}`;
  texts.set(name, text);
  return text;
}
