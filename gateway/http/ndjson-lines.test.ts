import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readLineGroups } from './ndjson-lines.ts';

const MAX = 8;
const GROUP_MAX = 3;

async function linesOf(chunks: readonly Uint8Array[]): Promise<(string | null)[]> {
  const found: (string | null)[] = [];
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield await Promise.resolve(chunk);
  }
  for await (const group of readLineGroups(body(), { lineBytesMax: MAX, groupMax: GROUP_MAX })) {
    assert.ok(group.length > 0 && group.length <= GROUP_MAX);
    for (const line of group) found.push(line === null ? null : Buffer.from(line).toString('latin1'));
  }
  return found;
}

test('however a body is cut into chunks, its lines are the same', async () => {
  const alphabet = fc.constantFrom('a', 'b', '\n', '\r', ' ');
  await fc.assert(
    fc.asyncProperty(
      fc.array(alphabet, { maxLength: 60 }),
      fc.array(fc.nat(60), { maxLength: 10 }),
      async (letters, cuts) => {
        const text = letters.join('');
        const expected = text
          .split('\n')
          .map((line) => (line.length > MAX ? null : line))
          .filter((line) => line === null || !/^[\r ]*$/.test(line));
        const bytes = Buffer.from(text);
        const ends = [...cuts.map((cut) => Math.min(cut, bytes.length)), bytes.length].sort((a, b) => a - b);
        const chunks = ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
        assert.deepEqual(await linesOf(chunks), expected);
      },
    ),
  );
});
