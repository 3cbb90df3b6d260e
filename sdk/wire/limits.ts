/**
 * Bounds that both ends obey, each with its unit and reason. Their relations are asserted at load, so that a change of one
 * that breaks another cannot start (style.md section 5).
 */

/** One tap record. An SM2 card's evidence is about 700 bytes, an RSA card's with 1984-bit keys about 1,500; twice that. */
export const RECORD_BYTES_MAX = 3_072;

/** One response of a card: ISO 7816-4 short form, 256 data bytes and the status word. */
export const CARD_RESPONSE_BYTES_MAX = 258;

/** A JSON body that carries one record: base64 grows by 4/3, the rest is field names. */
export const TAP_BODY_BYTES_MAX = 4_608;

/** One line of NDJSON of a bulk upload, the same object as a live body. */
export const BATCH_LINE_BYTES_MAX = TAP_BODY_BYTES_MAX;

/** Records in one bulk upload: an upload is streamed, so this bounds the time of one request, not memory. */
export const BATCH_RECORDS_MAX = 50_000;

/** A terminal's clock may run ahead of the gateway's by this much before its taps are refused as implausible (ms). */
export const TAP_FUTURE_MAX_MS = 10 * 60 * 1000;

/** A tap may arrive this late (ms): buses in a depot for weeks, never years. */
export const TAP_AGE_MAX_MS = 90 * 24 * 60 * 60 * 1000;

const BASE64_OF_RECORD_MAX = Math.ceil(RECORD_BYTES_MAX / 3) * 4;
if (BASE64_OF_RECORD_MAX + 256 > TAP_BODY_BYTES_MAX)
  throw new RangeError('a body cannot carry the largest record');
