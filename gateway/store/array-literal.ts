// Arrays as PostgreSQL writes them, made in one go. postgres.js would serialise and escape each element by itself, which for the
// twenty-six columns of a tap costs more than everything else of the statement.

export function numberArray(values: readonly (number | null)[]): string {
  return `{${values.map((value) => value ?? 'NULL').join(',')}}`;
}

/** Of a column of texts most repeat the one before, and are quoted once. */
export function textArray(values: readonly (string | null)[]): string {
  let last: string | null = null;
  let lastQuoted = 'NULL';
  const elements = values.map((value) => {
    if (value !== last) {
      last = value;
      lastQuoted = value === null ? 'NULL' : quoted(value);
    }
    return lastQuoted;
  });
  return `{${elements.join(',')}}`;
}

const TO_ESCAPE = /["\\]/;

function quoted(value: string): string {
  return TO_ESCAPE.test(value) ? `"${value.replaceAll(/["\\]/g, '\\$&')}"` : `"${value}"`;
}

export function byteaArray(values: readonly (Uint8Array | null)[]): string {
  return `{${values.map((value) => (value === null ? 'NULL' : `"\\\\x${hexOf(value)}"`)).join(',')}}`;
}

/** Long values as base64, which `decode` of PostgreSQL reads: two thirds of the characters of hex to make, send and parse. */
export function base64Array(values: readonly Uint8Array[]): string {
  return `{${values
    .map((value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'))
    .join(',')}}`;
}

/** The same for values that are hex already, such as card tokens. */
export function hexByteaArray(values: readonly string[]): string {
  return values.length === 0 ? '{}' : `{"\\\\x${values.join('","\\\\x')}"}`;
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
