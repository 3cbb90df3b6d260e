import { RECORD_BYTES_MAX } from '@tapgate/sdk/wire/limits';

/**
 * Bytes of GPO response and records that one tap may leave behind. What surrounds them in a tap record (its own fields, up to
 * about 330 bytes of names and terminal data, six bytes of tag, length and place for each record, the MAC) fits beside it.
 */
export const EVIDENCE_BYTES_MAX = 2_400;
const RECORD_OVERHEAD_BYTES_MAX = 640;

if (EVIDENCE_BYTES_MAX + RECORD_OVERHEAD_BYTES_MAX > RECORD_BYTES_MAX)
  throw new RangeError('a tap record cannot carry all that a kernel may read');
