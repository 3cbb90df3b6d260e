/** One line of a streamed body; null where it was longer than the bound, of which nothing is kept. */
export type BodyLine = Uint8Array | null;

const NEWLINE = 0x0a;

/**
 * Cuts a body into its lines as it arrives, keeping no more of it in memory than one line. Empty lines are passed over; the
 * last line need not end with a newline.
 */
export async function* readLines(
  body: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<BodyLine> {
  let parts: Uint8Array[] = [];
  let size = 0;
  const takeLine = (): BodyLine => {
    const line = size > lineBytesMax ? null : Buffer.concat(parts, size);
    parts = [];
    size = 0;
    return line;
  };
  const add = (part: Uint8Array): void => {
    size += part.length;
    if (size <= lineBytesMax) parts.push(part);
    else parts = [];
  };
  for await (const chunk of body) {
    let at = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, at)) {
      add(chunk.subarray(at, end));
      at = end + 1;
      const line = takeLine();
      if (line === null || !isBlank(line)) yield line;
    }
    if (at < chunk.length) add(chunk.subarray(at));
  }
  if (size === 0) return;
  const last = takeLine();
  if (last === null || !isBlank(last)) yield last;
}

const isBlank = (line: Uint8Array): boolean => line.every((byte) => byte === 0x0d || byte === 0x20);
