/** One line of a streamed body; null where it was longer than the bound, of which nothing is kept. */
export type BodyLine = Uint8Array | null;

const NEWLINE = 0x0a;

/**
 * Cuts a body into its lines as it arrives, keeping no more of it in memory than one line and the chunk at hand. Lines come in
 * groups, as many as a chunk has completed: whoever handles them pays for a turn of the loop once a group. Empty lines are
 * passed over; the last line need not end with a newline.
 *
 * @param groupMax lines of a group at most
 */
export async function* readLineGroups(
  body: AsyncIterable<Uint8Array>,
  { lineBytesMax, groupMax }: { readonly lineBytesMax: number; readonly groupMax: number },
): AsyncGenerator<BodyLine[]> {
  // What of a line came with earlier chunks.
  let parts: Uint8Array[] = [];
  let size = 0;
  const completed = (rest: Uint8Array): BodyLine => {
    const length = size + rest.length;
    const line = length > lineBytesMax ? null : size === 0 ? rest : Buffer.concat([...parts, rest], length);
    parts = [];
    size = 0;
    return line;
  };
  const isWanted = (line: BodyLine): boolean => line === null || !isBlank(line);
  for await (const chunk of body) {
    let group: BodyLine[] = [];
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      const line = completed(chunk.subarray(at, end));
      at = end + 1;
      if (isWanted(line)) group.push(line);
      if (group.length < groupMax) continue;
      yield group;
      group = [];
    }
    if (at < chunk.length) {
      size += chunk.length - at;
      if (size <= lineBytesMax) parts.push(chunk.subarray(at));
      else parts = [];
    }
    if (group.length > 0) yield group;
  }
  if (size === 0) return;
  const last = completed(new Uint8Array());
  if (isWanted(last)) yield [last];
}

/** A line has a character that is no blank within its first bytes, unless it is blank. */
function isBlank(line: Uint8Array): boolean {
  for (const byte of line) if (byte !== 0x0d && byte !== 0x20) return false;
  return true;
}
