/** A file of a delivery as its control file names it. */
export type ControlledFile = {
  readonly name: string;
  readonly bytes: number;
  readonly sm3: Uint8Array;
  readonly sha256: Uint8Array;
};

/**
 * The control file of a delivery (clearing.md section 3): a line a file, in the order in which they are to be fetched, each with name, size,
 * SM3 and SHA-256 in upper-case hex between single blanks, ended by LF. It is written last, so a receiver that sees it finds the rest
 * complete. Totals, sequence and the hash of the manifest before stand in the manifest, which it names.
 */
export function controlFileBytes(files: readonly ControlledFile[]): Uint8Array {
  const lines = files.map(
    ({ name, bytes, sm3, sha256 }) => `${name} ${bytes} ${upperHex(sm3)} ${upperHex(sha256)}\n`,
  );
  return Buffer.from(lines.join(''), 'latin1');
}

function upperHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex').toUpperCase();
}
