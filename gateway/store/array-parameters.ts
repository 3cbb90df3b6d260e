import type postgres from 'postgres';

/** OID of bytea[] in every PostgreSQL (pg_type). */
const BYTEA_ARRAY = 1001;

/** An array of bytea as a parameter: postgres.js takes the type of an array from its first element, which is right for texts only. */
export function byteas(
  sql: Pick<postgres.Sql<{ int8: number }>, 'array'>,
  values: readonly Uint8Array[],
): postgres.ArrayParameter {
  return sql.array([...values], BYTEA_ARRAY);
}
