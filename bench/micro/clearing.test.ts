import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestFile } from '@tapgate/gateway/jobs/batch-file';
import { inspectFiles, listFiles } from '@tapgate/gateway/clearing/inspect/load-inspection';
import { measureClosing } from './clearing.ts';
import { expectedOf } from './settled-rows.ts';

// The bench itself as a test: that a large day closes right and within its memory. How fast is for a quiet machine, and asserted nowhere.

const TAPS = process.env['REQUIRE_ALL'] === '1' ? 100_000 : 4_000;

test(`a day of ${TAPS} taps closes into files that hold every one of them, within 512 MB`, async () => {
  let records = 0;
  let sumFen = 0;
  const figures = await measureClosing([TAPS], (outDir) => {
    const files = listFiles([outDir]);
    for (const inspected of inspectFiles(files, {
      schemas: null,
      expected: null,
      publicKeyXy: null,
      digestOf: digestFile,
    })) {
      assert.deepEqual([inspected.schemaValid, inspected.businessValid], [true, true], inspected.file);
      if (inspected.format !== 'cup-tc-526' && inspected.format !== 'deferred-charge') continue;
      records += inspected.records;
      for (const { minor } of inspected.totals) sumFen += Number(minor);
    }
  });
  const expected = expectedOf(TAPS);
  assert.equal(records, expected.records);
  assert.equal(sumFen, expected.totalFen);
  const residentMb = figures.find(({ name }) => name.endsWith('resident memory'))?.value ?? Infinity;
  assert.ok(residentMb <= 512, `${residentMb} MB`);
});
