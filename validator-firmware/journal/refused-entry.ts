/** A record moved aside: one byte length of the code, the code in ASCII, the record as it was sent. */
export function packRefused(code: string, record: Uint8Array): Uint8Array {
  const codeBytes = Buffer.from(code, 'latin1').subarray(0, 255);
  return Buffer.concat([Uint8Array.of(codeBytes.length), codeBytes, record]);
}

export function unpackRefused(plain: Uint8Array): { readonly code: string; readonly record: Uint8Array } {
  const codeEnd = 1 + (plain[0] ?? 0);
  return {
    code: Buffer.from(plain.subarray(1, codeEnd)).toString('latin1'),
    record: plain.subarray(codeEnd),
  };
}
