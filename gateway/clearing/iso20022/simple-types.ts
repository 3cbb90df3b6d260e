const BIC = /^[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$/;
const OLD_BIC = /^[A-Z]{6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3})?$/;

const PATTERNS: Readonly<Record<string, RegExp>> = {
  bic: BIC,
  oldBic: OLD_BIC,
  iban: /^[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}$/,
  lei: /^[A-Z0-9]{18}[0-9]{2}$/,
  country: /^[A-Z]{2}$/,
  currency: /^[A-Z]{3}$/,
  uuid: /^[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}$/,
  phone: /^\+[0-9]{1,3}-[0-9()+-]{1,30}$/,
  twoDigits: /^[0-9]{2}$/,
  fourAlphanumeric: /^[a-zA-Z0-9]{4}$/,
  signedDigits15: /^[+-]?[0-9]{1,15}$/,
};

/**
 * The form that a value of an ISO 20022 message takes, as our own rule: a predicate for each name that the grammars use. What
 * a schema calls a facet is here one line (clearing.md 2.3; lengths are in characters, not in UTF-16 units).
 *
 * @throws RangeError for a name that is no type: a mistake in a grammar, found when it is loaded
 */
export function simpleType(name: string): (value: string) => boolean {
  const sized = /^(text|digits)(\d+)$/.exec(name);
  if (sized?.[1] !== undefined && sized[2] !== undefined) {
    const max = Number(sized[2]);
    if (sized[1] === 'digits') return (value) => value.length <= max && /^[0-9]+$/.test(value);
    return (value) => value.length > 0 && (value.length <= max || characters(value) <= max);
  }
  const pattern = PATTERNS[name];
  if (pattern !== undefined) return (value) => pattern.test(value);
  switch (name) {
    case 'amountValue':
      return (value) => fitsDecimal(value, { fraction: 5, total: 18, negative: false });
    case 'decimal':
      return (value) => fitsDecimal(value, { fraction: 17, total: 18, negative: true });
    case 'unsignedDecimal':
      return (value) => fitsDecimal(value, { fraction: 17, total: 18, negative: false });
    case 'number':
      return (value) => fitsDecimal(value, { fraction: 0, total: 18, negative: true });
    case 'rate':
      return (value) => fitsDecimal(value, { fraction: 10, total: 11, negative: true });
    case 'date':
      return (value) => isXmlDate(collapsed(value));
    case 'dateTime':
      return (value) => isXmlDateTime(collapsed(value));
    case 'bool':
      return (value) => ['true', 'false', '0', '1'].includes(collapsed(value));
    default:
      throw new RangeError(`no simple type ${name}`);
  }
}

function characters(value: string): number {
  // A surrogate pair is one character.
  return value.length - (value.match(/[\ud800-\udbff][\udc00-\udfff]/g)?.length ?? 0);
}

/** XML knows four blanks; a no-break space is text. */
export function isBlank(text: string): boolean {
  return /^[\t\n\r ]*$/.test(text);
}

/** Numbers and dates may stand between blanks; texts may not be touched. */
function collapsed(value: string): string {
  return value.replace(/^[\t\n\r ]+|[\t\n\r ]+$/g, '');
}

/** Facets count the digits of the number and not of its writing: zeros at either end are free. */
function fitsDecimal(
  written: string,
  facets: { readonly fraction: number; readonly total: number; readonly negative: boolean },
): boolean {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(collapsed(written));
  if (match === null) return false;
  const whole = (match[2] ?? '').replace(/^0+/, '');
  const fraction = (match[3] ?? '').replace(/0+$/, '');
  if ((match[2] ?? '') === '' && (match[3] ?? '') === '') return false;
  const isZero = whole === '' && fraction === '';
  if (match[1] === '-' && !facets.negative && !isZero) return false;
  return fraction.length <= facets.fraction && whole.length + fraction.length <= facets.total;
}

const ZONE = String.raw`(Z|[+-](?:0\d|1[0-3]):[0-5]\d|[+-]14:00)?`;
const DATE = new RegExp(`^(-?\\d{4,})-(\\d{2})-(\\d{2})${ZONE}$`);
const DATE_TIME = new RegExp(`^(-?\\d{4,})-(\\d{2})-(\\d{2})T(\\d{2}):(\\d{2}):(\\d{2})(\\.\\d+)?${ZONE}$`);

function isXmlDate(value: string): boolean {
  const match = DATE.exec(value);
  return match !== null && dayExists(Number(match[1]), Number(match[2]), Number(match[3]));
}

function isXmlDateTime(value: string): boolean {
  const match = DATE_TIME.exec(value);
  if (match === null) return false;
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])];
  const midnight = hour === 24 && minute === 0 && second === 0 && /^(\.0+)?$/.test(match[7] ?? '');
  if (!midnight && (hour > 23 || minute > 59 || second > 59)) return false;
  return dayExists(Number(match[1]), Number(match[2]), Number(match[3]));
}

function dayExists(year: number, month: number, day: number): boolean {
  if (year === 0 || month < 1 || month > 12 || day < 1) return false;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] ?? 0;
  return day <= days;
}
