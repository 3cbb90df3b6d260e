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
  const { bytes: expected, places } = placesOf(layout);
  if (bytes.length !== expected) return null;
  const fields: Partial<Record<Field, Uint8Array>> = {};
  for (const [field] of layout) fields[field] = bytes.subarray(places[field].start, places[field].end);
  return fields as Readonly<Record<Field, Uint8Array>>;
}

/** Where a field stands: from `start` on, before `end`. */
export type FieldPlace = { readonly start: number; readonly end: number };

/** The place of every field and the length of all, for a layout that is read again and again: reckoned once, not at each reading. */
export function placesOf<Field extends string>(
  layout: ByteLayout<Field>,
): { readonly bytes: number; readonly places: Readonly<Record<Field, FieldPlace>> } {
  const places: Partial<Record<Field, FieldPlace>> = {};
  let at = 0;
  for (const [field, length] of layout) {
    places[field] = { start: at, end: at + length };
    at += length;
  }
  return { bytes: at, places: places as Readonly<Record<Field, FieldPlace>> };
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
