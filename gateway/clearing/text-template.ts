/**
 * Texts that a partner insists on (file names, header and trailer of a file) as data: literal characters and fields
 * `{name}`, `{name:<11}` (left, padded with spaces to 11), `{name:>4}` (right, spaces), `{name:0>6}` (right, zeros).
 */
export type TemplateValues = Readonly<Record<string, string | number>>;

const FIELD = /\{([a-zA-Z]\w*)(?::(.?)([<>])(\d{1,3}))?\}/g;

/**
 * @throws RangeError for a field that has no value, a value that is wider than its field, or a stray brace: a name or a
 *   header that is almost right is refused by the other side at midnight
 */
export function fillTemplate(template: string, values: TemplateValues): string {
  const filled = template.replaceAll(
    FIELD,
    (_all, name: string, pad: string | undefined, side: string | undefined, width: string | undefined) => {
      const value = values[name];
      if (value === undefined) throw new RangeError(`template field ${name} is unknown`);
      const text = String(value);
      if (width === undefined) return text;
      if (text.length > Number(width)) throw new RangeError(`template field ${name} is wider than ${width}`);
      const padding = pad === undefined || pad === '' ? ' ' : pad;
      return side === '<' ? text.padEnd(Number(width), padding) : text.padStart(Number(width), padding);
    },
  );
  if (/[{}]/.test(filled)) throw new RangeError('template has a brace that opens no field');
  return filled;
}

/** The values that every template of a batch may name. */
export function batchTemplateValues(batch: {
  readonly party: string;
  readonly clearingDate: string;
  readonly sequence: number;
}): Record<string, string | number> {
  return {
    party: batch.party,
    clearingDate: batch.clearingDate.replaceAll('-', ''),
    sequence: batch.sequence,
  };
}
