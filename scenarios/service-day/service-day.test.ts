import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { startOwnGateway } from '../city/attach-gateway.ts';
import { seededRandom } from '../seeded-random.ts';
import { readSentFiles } from './read-sent-files.ts';
import { runServiceDay, type ServiceDayResult } from './run-service-day.ts';
import { tiesOf } from './ties.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-service-day-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

async function runDay(seed: string, name: string): Promise<{ result: ServiceDayResult; outDir: string }> {
  const outDir = path.join(folder, name);
  const own = await startOwnGateway({ seed: sm3(Buffer.from(`service day test ${seed}`)) });
  try {
    const result = await runServiceDay({
      ...{ own, date: isoDate('2026-11-20'), cards: 60, taps: 240, seed, outDir },
      random: seededRandom(seed),
      onProgress: () => undefined,
    });
    return { result, outDir };
  } finally {
    await own.detach();
  }
}

/** Every file below a folder with its bytes, signatures apart, and control files, which name their hashes. */
function bytesBelow(root: string, below = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of readdirSync(path.join(root, below)).sort()) {
    const relative = path.join(below, name);
    if (statSync(path.join(root, relative)).isDirectory())
      for (const entry of bytesBelow(root, relative)) found.set(...entry);
    else if (!/\.(sig|chk)$/.test(name))
      found.set(relative, readFileSync(path.join(root, relative)).toString('hex'));
  }
  return found;
}

test('a service day ties to the fen, and the same seed makes the same files byte for byte', async () => {
  const first = await runDay('7', 'first');
  const again = await runDay('7', 'again');
  const other = await runDay('8', 'other');

  const ties = tiesOf(first.result, readSentFiles(first.outDir));
  assert.deepEqual(
    ties.filter((tie) => !tie.equal),
    [],
  );
  assert.ok(first.result.sent >= 240);
  assert.ok(first.result.bulkRecords > 0, 'the offline bus uploaded a backlog');

  const files = bytesBelow(first.outDir);
  assert.ok(files.size > 20);
  assert.deepEqual(bytesBelow(again.outDir), files);
  assert.notDeepEqual(bytesBelow(other.outDir), files);

  // The proof itself can fail: one fen more in a file, one tap less in the books, a verdict that nobody planned.
  const sent = readSentFiles(first.outDir);
  const [changed, ...rest] = sent;
  assert.ok(changed);
  const richer = [{ ...changed, totalFen: changed.totalFen + 1 }, ...rest];
  assert.ok(tiesOf(first.result, richer).some((tie) => !tie.equal));
  const { books } = first.result;
  const poorer = { ...books, outcomes: books.outcomes.map((row) => ({ ...row, taps: row.taps - 1 })) };
  assert.ok(
    tiesOf({ ...first.result, books: poorer }, sent).some((tie) => tie.name === 'taps sent' && !tie.equal),
  );
});
