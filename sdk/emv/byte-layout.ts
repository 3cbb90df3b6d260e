/** A format of consecutive fields, drawn as data: name and length in bytes, in the order in which they stand. */
export type ByteLayout<Field extends string> = readonly (readonly [field: Field, bytes: number])[];

export function layoutBytes<Field extends string>(layout: ByteLayout<Field>): number {
  return layout.reduce((total, [, bytes]) => total + bytes, 0);
}

/**
 * Cuts bytes into the fields of a layout; the fields are views.
 *
 * @returns null when the length is not exactly that of the layout
 */
export function splitByLayout<Field extends string>(
  layout: ByteLayout<Field>,
  bytes: Uint8Array,
): Readonly<Record<Field, Uint8Array>> | null {
  if (bytes.length !== layoutBytes(layout)) return null;
  const fields: Partial<Record<Field, Uint8Array>> = {};
  let at = 0;
  for (const [field, length] of layout) {
    fields[field] = bytes.subarray(at, at + length);
    at += length;
  }
  return fields as Readonly<Record<Field, Uint8Array>>;
}

/** @throws RangeError when a field has another length than its layout gives it: what is built is ours */
export function joinByLayout<Field extends string>(
  layout: ByteLayout<Field>,
  fields: Readonly<Record<Field, Uint8Array>>,
): Uint8Array {
  for (const [field, length] of layout) {
    if (fields[field].length !== length) throw new RangeError(`${field} has ${length} bytes`);
  }
  return Buffer.concat(layout.map(([field]) => fields[field]));
}
