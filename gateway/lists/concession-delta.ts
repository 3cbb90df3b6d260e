import {
  encodeNameListHeader,
  entryBytesOf,
  NAME_BYTES,
  parseNameListHeader,
} from '@tapgate/sdk/lists/name-list';

type Listed = {
  readonly header: NonNullable<ReturnType<typeof parseNameListHeader>>;
  readonly entries: Buffer;
};

const ENTRY_BYTES = entryBytesOf('concessions');

/**
 * The delta between two whole concession lists: a name whose rights differ is in it with all that it has now, or as removed when
 * it has none. Rights are compared by the words they speak of, whose numbers may differ between the lists.
 *
 * @param before a body whose entries ascend, as every published one does
 * @returns null for bodies that are no concession lists, or name their cards under two keys
 */
export function concessionDelta(before: Uint8Array, after: Uint8Array): Uint8Array | null {
  const [old, now] = [listedIn(before), listedIn(after)];
  if (old === null || now === null || old.header.listKeyId !== now.header.listKeyId) return null;
  const removed: Uint8Array[] = [];
  const added: Uint8Array[] = [];
  let [atOld, atNow] = [0, 0];
  while (atOld < old.entries.length || atNow < now.entries.length) {
    const order = compareNames(old.entries, atOld, now.entries, atNow);
    const oldEnd = order <= 0 ? endOfName(old.entries, atOld) : atOld;
    const nowEnd = order >= 0 ? endOfName(now.entries, atNow) : atNow;
    if (order < 0) removed.push(old.entries.subarray(atOld, atOld + NAME_BYTES));
    else if (order > 0 || rightsIn(old, atOld, oldEnd) !== rightsIn(now, atNow, nowEnd))
      added.push(now.entries.subarray(atNow, nowEnd));
    [atOld, atNow] = [oldEnd, nowEnd];
  }
  const { listKeyId, words, version } = now.header;
  const entries = Buffer.concat(added);
  const header = encodeNameListHeader({
    ...{ kind: 'concessions', form: 'delta', version, baseVersion: old.header.version, listKeyId, words },
    ...{ removed: removed.length, added: entries.length / ENTRY_BYTES },
  });
  return Buffer.concat([header, ...removed, entries]);
}

function listedIn(body: Uint8Array): Listed | null {
  const header = parseNameListHeader(body);
  if (header?.kind !== 'concessions' || header.form !== 'snapshot') return null;
  const entries = Buffer.from(body.buffer, body.byteOffset, body.length).subarray(header.headerBytes);
  return entries.length === header.added * ENTRY_BYTES ? { header, entries } : null;
}

/** Below 0: the first name comes first, or the second list has ended. */
function compareNames(a: Buffer, atA: number, b: Buffer, atB: number): number {
  if (atA >= a.length) return 1;
  if (atB >= b.length) return -1;
  return a.compare(b, atB, atB + NAME_BYTES, atA, atA + NAME_BYTES);
}

function endOfName(entries: Buffer, at: number): number {
  let end = at + ENTRY_BYTES;
  while (end < entries.length && compareNames(entries, at, entries, end) === 0) end += ENTRY_BYTES;
  return end;
}

/** The rights of a name as a text: word and both days of each. */
function rightsIn({ header, entries }: Listed, from: number, to: number): string {
  const rights: string[] = [];
  for (let at = from + NAME_BYTES; at < to; at += ENTRY_BYTES) {
    const days = entries.toString('hex', at + 1, at + ENTRY_BYTES - NAME_BYTES);
    rights.push(`${header.words[entries[at] ?? -1] ?? ''} ${days}`);
  }
  return rights.sort().join();
}
