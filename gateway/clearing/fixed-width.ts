import iconv from 'iconv-lite';

/** How a field of a fixed-width record is filled. Widths are bytes in the encoding of the file, never characters. */
export type FixedField = {
  readonly name: string;
  /** first byte, counted from 1 as the layout prints it */
  readonly start: number;
  readonly bytes: number;
  readonly fill: 'left_spaces' | 'right_zeros';
};

export const FILE_ENCODING = 'gb18030';

/**
 * Text in GB18030, cut to at most `bytes` bytes on the edge of a character: a name is shortened, never broken in half
 * (clearing.md 1.2).
 *
 * @throws RangeError when a character has no place in the encoding
 */
export function encodeCut(text: string, bytes: number): Uint8Array {
  let used = 0;
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const encoded = iconv.encode(character, FILE_ENCODING);
    if (iconv.decode(encoded, FILE_ENCODING) !== character)
      throw new RangeError('a character cannot be written in GB18030');
    if (used + encoded.length > bytes) break;
    parts.push(encoded);
    used += encoded.length;
  }
  return Buffer.concat(parts);
}

/**
 * Writes one record: every byte of it belongs to exactly one field, checked when the table is made.
 *
 * @throws RangeError when the fields leave a gap, overlap, or do not end at `recordBytes`
 */
export function fixedRecord<Name extends string>(
  fields: readonly (FixedField & { readonly name: Name })[],
  recordBytes: number,
): (values: Readonly<Record<Name, string | Uint8Array>>) => Uint8Array {
  let next = 1;
  for (const field of fields) {
    if (field.start !== next) throw new RangeError(`field ${field.name} does not begin at byte ${next}`);
    next += field.bytes;
  }
  if (next - 1 !== recordBytes)
    throw new RangeError(`the fields end at byte ${next - 1}, not ${recordBytes}`);

  return (values) => {
    const record = Buffer.alloc(recordBytes, 0x20);
    for (const field of fields) {
      const value = values[field.name];
      const offset = field.start - 1;
      if (typeof value !== 'string') {
        if (value.length > field.bytes)
          throw new RangeError(`field ${field.name} is wider than ${field.bytes}`);
        record.set(value, offset);
        continue;
      }
      if (value.length > field.bytes)
        throw new RangeError(`field ${field.name} is wider than ${field.bytes}`);
      if (!/^[\x20-\x7e]*$/.test(value)) throw new RangeError(`field ${field.name} is not ASCII`);
      if (field.fill === 'right_zeros') {
        record.write('0'.repeat(field.bytes - value.length) + value, offset, 'latin1');
      } else {
        record.write(value, offset, 'latin1');
      }
    }
    return record;
  };
}
