// Arrays as PostgreSQL writes them, made in one go. postgres.js would serialise and escape each element by itself, which for the
// twenty-six columns of a tap costs more than everything else of the statement.

export function numberArray(values: readonly (number | null)[]): string {
  let text = '{';
  for (const [index, value] of values.entries()) {
    if (index > 0) text += ',';
    text += value ?? 'NULL';
  }
  return `${text}}`;
}

export function textArray(values: readonly (string | null)[]): string {
  let text = '{';
  for (const [index, value] of values.entries()) {
    if (index > 0) text += ',';
    text += value === null ? 'NULL' : quoted(value);
  }
  return `${text}}`;
}

const TO_ESCAPE = /["\\]/;

function quoted(value: string): string {
  return TO_ESCAPE.test(value) ? `"${value.replaceAll(/["\\]/g, '\\$&')}"` : `"${value}"`;
}

export function byteaArray(values: readonly (Uint8Array | null)[]): string {
  let text = '{';
  for (const [index, value] of values.entries()) {
    if (index > 0) text += ',';
    text += value === null ? 'NULL' : `"\\\\x${hexOf(value)}"`;
  }
  return `${text}}`;
}

/** The same for values that are hex already, such as card tokens. */
export function hexByteaArray(values: readonly string[]): string {
  return values.length === 0 ? '{}' : `{"\\\\x${values.join('","\\\\x')}"}`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
