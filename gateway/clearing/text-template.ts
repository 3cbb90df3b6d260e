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

/**
 * A template read the other way: the values of its fields in a text, or null when the text is not of the template. Fields
 * without a width take as little as they can.
 */
export function readTemplate(template: string, text: string): Record<string, string> | null {
  const names: string[] = [];
  let pattern = '';
  let at = 0;
  for (const match of template.matchAll(FIELD)) {
    const [all, name = '', pad, side, width] = match;
    pattern += escaped(template.slice(at, match.index));
    at = match.index + all.length;
    names.push(name);
    pattern += width === undefined ? '(.+?)' : paddedPattern(pad, side, Number(width));
  }
  pattern += escaped(template.slice(at));
  const found = new RegExp(`^${pattern}$`, 's').exec(text);
  if (found === null) return null;
  return Object.fromEntries(names.map((name, index) => [name, (found[index + 1] ?? '').trim()]));
}

function paddedPattern(pad: string | undefined, side: string | undefined, width: number): string {
  if (pad === '0' && side === '>') return `(\\d{${width}})`;
  return `(.{${width}})`;
}

function escaped(literal: string): string {
  return literal.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
