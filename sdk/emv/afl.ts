/**
 * The application file locator, tag 94: entries of 4 bytes.
 *
 *   1  SFI in the high five bits, the low three zero     2  first record     3  last record
 *   4  how many of them, from the first, are authenticated offline
 */
export type AflEntry = {
  readonly sfi: number;
  readonly firstRecord: number;
  readonly lastRecord: number;
  readonly offlineAuthCount: number;
};

/** One record to read. `contentOnly`: of an authenticated record take the value of the 70 template, not the template (SFI 1-10). */
export type AflRecord = {
  readonly sfi: number;
  readonly record: number;
  readonly offlineAuth: boolean;
  readonly contentOnly: boolean;
};

export type AflRefusal = {
  readonly code: 'length_invalid' | 'sfi_invalid' | 'record_range_invalid' | 'offline_auth_count_invalid';
  readonly offset: number;
  readonly expected: string;
};
export type AflResult =
  | { readonly ok: true; readonly entries: readonly AflEntry[]; readonly records: readonly AflRecord[] }
  | { readonly ok: false; readonly refusal: AflRefusal };

/** 63 entries fit a value of 252 bytes; each names at most 255 records. */
const MAX_AFL_BYTES = 252;

/**
 * Reads the locator and lists its records in the order in which they are read. An empty locator lists nothing: a card that has
 * put everything into its GPO answer may send it.
 *
 * @refuses length_invalid, sfi_invalid, record_range_invalid, offline_auth_count_invalid, entry by entry
 * @spec pboc-contactless.md 4.2 rules 1 and 2
 */
export function parseAfl(afl: Uint8Array): AflResult {
  if (afl.length % 4 !== 0 || afl.length > MAX_AFL_BYTES) {
    return refused('length_invalid', afl.length, 'whole entries of 4 bytes, at most 252 bytes');
  }
  const entries: AflEntry[] = [];
  const records: AflRecord[] = [];
  for (let at = 0; at < afl.length; at += 4) {
    const sfiByte = afl[at] ?? 0;
    const firstRecord = afl[at + 1] ?? 0;
    const lastRecord = afl[at + 2] ?? 0;
    const offlineAuthCount = afl[at + 3] ?? 0;
    const sfi = sfiByte >> 3;
    if ((sfiByte & 0x07) !== 0 || sfi < 1 || sfi > 30) {
      return refused('sfi_invalid', at, 'an SFI of 1 to 30 in the high five bits, zeros below');
    }
    if (firstRecord === 0 || lastRecord < firstRecord) {
      return refused(
        'record_range_invalid',
        at + 1,
        'a first record of 1 or more, and a last one not before it',
      );
    }
    if (offlineAuthCount > lastRecord - firstRecord + 1) {
      return refused('offline_auth_count_invalid', at + 3, 'not more authenticated records than records');
    }
    entries.push({ sfi, firstRecord, lastRecord, offlineAuthCount });
    for (let record = firstRecord; record <= lastRecord; record++) {
      const offlineAuth = record - firstRecord < offlineAuthCount;
      records.push({ sfi, record, offlineAuth, contentOnly: sfi <= 10 });
    }
  }
  return { ok: true, entries, records };
}

function refused(code: AflRefusal['code'], offset: number, expected: string): AflResult {
  return { ok: false, refusal: { code, offset, expected } };
}

/** READ RECORD, 00 B2 record (SFI << 3 or 4) 00: pboc-contactless.md 2.2 row 5. */
export function readRecordCommand(sfi: number, record: number): Uint8Array {
  return Uint8Array.of(0x00, 0xb2, record, (sfi << 3) | 0x04, 0x00);
}
