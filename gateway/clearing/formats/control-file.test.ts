import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { digestFile } from '../../jobs/batch-file.ts';
import { controlFileBytes } from '../control-file.ts';
import { inspectFiles } from '../inspect/load-inspection.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-control-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const FILES = { 'A.dat': 'data', 'A.dat.manifest.json': '{}\n', 'A.dat.sig': 'signature' };

function delivery(): Buffer {
  for (const [name, text] of Object.entries(FILES)) writeFileSync(path.join(folder, name), text);
  return Buffer.from(
    controlFileBytes(
      Object.entries(FILES).map(([name, text]) => ({
        name,
        bytes: text.length,
        sm3: sm3(Buffer.from(text)),
        sha256: createHash('sha256').update(text).digest(),
      })),
    ),
  );
}

/** Verdict and errors of a control file under a name that says nothing. */
function inspect(bytes: Uint8Array): unknown {
  const file = path.join(folder, 'something');
  writeFileSync(file, bytes);
  const [inspected] = inspectFiles([file], {
    schemas: null,
    expected: null,
    publicKeyXy: null,
    digestOf: digestFile,
  });
  assert.ok(inspected);
  const { format, schemaValid, businessValid, records, errors } = inspected;
  return { format, schemaValid, businessValid, records, errors };
}

test('a control file is one line a file: name, size, SM3, SHA-256', () => {
  const [line] = delivery().toString('latin1').split('\n');
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex').toUpperCase();
  const data = Buffer.from('data');
  assert.equal(line, `A.dat 4 ${hex(sm3(data))} ${hex(createHash('sha256').update(data).digest())}`);
});

test('a delivery that is complete is valid; a file that is missing or other than named has its line', () => {
  const bytes = delivery();
  const good = { format: 'control-file', schemaValid: true, businessValid: true, records: 3, errors: [] };
  assert.deepEqual(inspect(bytes), good);
  writeFileSync(path.join(folder, 'A.dat'), 'date');
  assert.deepEqual(inspect(bytes), {
    ...good,
    businessValid: false,
    errors: [{ code: 'file_hash_wrong', line: 1 }],
  });
  rmSync(path.join(folder, 'A.dat.sig'));
  assert.deepEqual(inspect(bytes), {
    ...good,
    businessValid: false,
    errors: [
      { code: 'file_hash_wrong', line: 1 },
      { code: 'file_missing', line: 3 },
    ],
  });
});

test('cut off at any byte it is no valid control file', () => {
  const bytes = delivery();
  for (let length = 0; length < bytes.length; length += 1) {
    const { format, schemaValid } = inspect(bytes.subarray(0, length)) as Record<string, unknown>;
    assert.ok(format === null || schemaValid === false, String(length));
  }
});
