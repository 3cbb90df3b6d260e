import { decodeRecord, type DecodedRecord } from '../ingest/authenticate-record.ts';
import { parseJson } from './request-body.ts';
import { TapBody } from './wire-schemas.ts';

const HEAD = Buffer.from('{"record":"');
const TAIL = Buffer.from('"}');

/**
 * The record of one body or line `{"record": base64}`. Nearly every sender writes that object without a space, and then what
 * stands between its quotes is taken as it is: canonical base64 has no character that JSON would read otherwise, so that what
 * decodes was a string of JSON. Anything else is read as JSON against its schema, which also finds the refusal.
 *
 * @refuses json_malformed, field_invalid, record_too_large, record_not_base64
 */
export function readTapBody(body: Uint8Array): DecodedRecord {
  const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const tailAt = bytes.length - TAIL.length;
  if (
    tailAt > HEAD.length &&
    bytes.compare(HEAD, 0, HEAD.length, 0, HEAD.length) === 0 &&
    bytes.compare(TAIL, 0, TAIL.length, tailAt) === 0
  ) {
    const decoded = decodeRecord(bytes.toString('latin1', HEAD.length, tailAt));
    if (decoded.ok) return decoded;
  }
  const parsed = parseJson(body, TapBody);
  return parsed.ok ? decodeRecord(parsed.value.record) : parsed;
}
