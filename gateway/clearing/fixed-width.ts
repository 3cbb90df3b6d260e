import iconv from 'iconv-lite';

/** How a field of a fixed-width record is filled. Widths are bytes in the encoding of the file, never characters. */
export type FixedField = {
  readonly name: string;
  /** first byte, counted from 1 as the layout prints it */
  readonly start: number;
  readonly bytes: number;
  readonly fill: 'left_spaces' | 'right_zeros';
};

export type TextEncoding = 'gb18030' | 'gbk';

/**
 * Text in an encoding of Chinese, cut to at most `bytes` bytes on the edge of a character: a name is shortened, never broken in half
 * (clearing.md 1.2).
 *
 * @throws RangeError when a character has no place in the encoding
 */
export function encodeCut(text: string, bytes: number, encoding: TextEncoding): Uint8Array {
  let used = 0;
  const parts: Uint8Array[] = [];
  for (const character of text) {
    const encoded = iconv.encode(character, encoding);
    if (iconv.decode(encoded, encoding) !== character)
      throw new RangeError('a character cannot be written in the encoding of the file');
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
    let text = '';
    let encoded: FixedField[] | null = null;
    for (const field of fields) {
      const value = values[field.name];
      if (value.length > field.bytes)
        throw new RangeError(`field ${field.name} is wider than ${field.bytes}`);
      if (typeof value !== 'string') {
        (encoded ??= []).push(field);
        text += ' '.repeat(field.bytes);
      } else if (value.length === field.bytes) text += value;
      else
        text += field.fill === 'right_zeros' ? value.padStart(field.bytes, '0') : value.padEnd(field.bytes);
    }
    if (!PRINTABLE_ASCII.test(text)) throw new RangeError('a field is not printable ASCII');
    const record = Buffer.from(text, 'latin1');
    for (const { name, start } of encoded ?? []) {
      const value = values[name as Name];
      if (typeof value !== 'string') record.set(value, start - 1);
    }
    return record;
  };
}

const PRINTABLE_ASCII = /^[\x20-\x7e]*$/;
