import type { AflRecord } from './afl.ts';
import { parseTlv } from './ber-tlv.ts';
import { odaRefused, type OdaRefused } from './oda-refusal.ts';

/** A record as read, with what the AFL said of it. */
export type ReadRecord = {
  readonly sfi: number;
  readonly record: number;
  readonly body: Uint8Array;
  /** whether the AFL counts it among the authenticated ones (afl.ts, AflRecord.offlineAuth) */
  readonly offlineAuth: boolean;
};

export type StaticDataResult = { readonly ok: true; readonly data: Uint8Array } | OdaRefused;

const RECORD_TEMPLATE_ONLY: ReadonlySet<string> = new Set(['70']);

/**
 * The static data to be authenticated: the authenticated records in the order of the AFL, of SFI 1 to 10 the value of the
 * template 70, of SFI 11 to 30 the record as read; then the AIP, if the card has a static data authentication tag list. A card
 * without such records authenticates an empty string.
 *
 * @param sdaTagList value of 9F4A, null when the card has none
 * @param aip value of 82
 * @refuses static_record_invalid, sda_tag_list_invalid
 * @spec pboc-contactless.md 4.2
 */
export function buildStaticData(
  records: readonly ReadRecord[],
  sdaTagList: Uint8Array | null,
  aip: Uint8Array,
): StaticDataResult {
  const parts: Uint8Array[] = [];
  for (const { sfi, body, offlineAuth } of records) {
    if (!offlineAuth) continue;
    const content = sfi <= 10 ? templateContent(body) : body;
    if (content === null) return odaRefused('static_record_invalid', '70');
    parts.push(content);
  }
  if (sdaTagList !== null) {
    if (sdaTagList.length !== 1 || sdaTagList[0] !== 0x82) return odaRefused('sda_tag_list_invalid', '9F4A');
    parts.push(aip);
  }
  return { ok: true, data: Buffer.concat(parts) };
}

/**
 * Puts records that were kept, e.g. in a tap record, beside what the AFL says of them, in the order of the AFL. A record that
 * the AFL names and that takes no part in the authentication may be missing: the last one is lost when a card is pulled early
 * (pboc-contactless.md 2.8).
 *
 * @refuses static_record_missing for an authenticated record that was not kept
 */
export function matchRecords(
  aflRecords: readonly AflRecord[],
  kept: readonly { readonly sfi: number; readonly recordNumber: number; readonly body: Uint8Array }[],
): { readonly ok: true; readonly records: readonly ReadRecord[] } | OdaRefused {
  const records: ReadRecord[] = [];
  for (const { sfi, record, offlineAuth } of aflRecords) {
    const found = kept.find((candidate) => candidate.sfi === sfi && candidate.recordNumber === record);
    if (found !== undefined) records.push({ sfi, record, body: found.body, offlineAuth });
    else if (offlineAuth) return odaRefused('static_record_missing', '94');
  }
  return { ok: true, records };
}

function templateContent(body: Uint8Array): Uint8Array | null {
  // One template with a length of one or two bytes, which is what cards send, needs no reader.
  if (body[0] === 0x70) {
    const [, length = 0x80, longer = 0] = body;
    if (length < 0x80 && length + 2 === body.length) return body.subarray(2);
    if (length === 0x81 && longer + 3 === body.length) return body.subarray(3);
  }
  const parsed = parseTlv(body, { opaqueTags: RECORD_TEMPLATE_ONLY });
  if (!parsed.ok || parsed.nodes.length !== 1) return null;
  const [template] = parsed.nodes;
  return template?.tag === '70' ? template.value : null;
}
