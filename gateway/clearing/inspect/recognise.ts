/** What kind of file it is, by its bytes alone: never by its name. */
export type FileKind =
  | 'empty'
  | 'cup-tc-526'
  | 'deferred-charge'
  | 'subsidy-claim'
  | 'manifest'
  | 'control-file'
  | 'unionpay-com'
  | 'xml'
  | null;

/** How many bytes from the beginning are enough to know. */
export const HEAD_BYTES = 4_096;

const TC526_HEADER_BYTES = 46;
const TC526_RECORD_BYTES = 526;
const TC526_TRAILER_BYTES = 49;

/**
 * Recognises a file by its first bytes and its length. A file that is cut off or damaged further on is still of its kind: it is for the
 * reader to say what is wrong with it.
 */
export function recognise(head: Uint8Array, fileBytes: number): FileKind {
  if (head.length === 0) return 'empty';
  const text = Buffer.from(head.buffer, head.byteOffset, Math.min(head.length, HEAD_BYTES)).toString(
    'latin1',
  );
  if (text.startsWith('H|TGDC|')) return 'deferred-charge';
  if (text.startsWith('\xef\xbb\xbfTapGate subsidy claim,')) return 'subsidy-claim';
  if (/^\{\s*"manifest":\s*"tapgate-clearing"/.test(text)) return 'manifest';
  if (CONTROL_LINE.test(text)) return 'control-file';
  if (isXml(text)) return 'xml';
  if (text.startsWith('TGTC526H') || isTc526(text, fileBytes)) return 'cup-tc-526';
  if (isComLine(text)) return 'unionpay-com';
  return null;
}

/** Name, size and the beginning of a hash. */
const CONTROL_LINE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,140} \d{1,15} [0-9A-F]{40}/;

/** A byte order mark and blanks may stand before the first angle bracket, in UTF-16 as well. */
function isXml(text: string): boolean {
  return /^(\xef\xbb\xbf|\xff\xfe|\xfe\xff)?[\s\0]*<[\0]?[?!A-Za-z]/.test(text);
}

const TC526_BASE = /^\d{3}[0-9A-Fa-f ]{4}(?=[\d ]{19})\d{12,19} {0,7}\d{12}\d{3}/;
const MONTH_TO_SECOND = /^(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d$/;

/**
 * A header that only its partner knows, then a record: transaction code, segment bitmap, PAN padded with blanks, amount, currency. Those are
 * digits like many others, so either the length must fit records of 526 bytes, or the month to second must be one and the trace number digits;
 * and a cryptogram must stand where one belongs.
 */
function isTc526(text: string, fileBytes: number): boolean {
  const record = text.slice(TC526_HEADER_BYTES);
  if (!TC526_BASE.test(record)) return false;
  const lengthFits = fileBytes % TC526_RECORD_BYTES === TC526_HEADER_BYTES + TC526_TRAILER_BYTES;
  const timeFits = MONTH_TO_SECOND.test(record.slice(41, 51)) && /^\d{6}$/.test(record.slice(51, 57));
  const cryptogram = record.slice(269, 285);
  return (lengthFits || timeFits) && /^[0-9A-F]{16}$/.test(cryptogram);
}

/** Acquirer, forwarder, trace number, month to second, PAN, amount: each field and the one blank behind it. */
function isComLine(text: string): boolean {
  return /^[\d ]{11} [\d ]{11} \d{6} \d{10} (?=[\d ]{19} )\d{12,19} {0,7} \d{12} /.test(text);
}
