import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { DeviceFault } from '@tapgate/validator-firmware/devices/device-fault';
import { openPcscReader } from '@tapgate/validator-firmware/devices/pcsc-reader';
import { describeDeviceFault } from './absent-library.ts';

test('where the reader’s package was not built, the program says by code and name what to install', async () => {
  const opening = openPcscReader(() => undefined, { library: 'a-package-that-was-not-built' });
  const fault = await opening.then(
    () => null,
    (error: unknown) => error,
  );
  assert.ok(fault instanceof DeviceFault);
  const text = describeDeviceFault(fault.code);
  assert.match(text, /^pcsc_library_absent: .*apt-get install pcscd libpcsclite-dev .*npm install/);
});

test('packages that need a system’s headers are optional, so that an install without them is one', () => {
  const file = path.join(import.meta.dirname, '../../validator-firmware/package.json');
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync(file, 'utf8')) as Record<
    'dependencies' | 'optionalDependencies',
    Readonly<Record<string, string>>
  >;
  for (const [name, code] of [
    ['nfc-pcsc', 'pcsc_library_absent'],
    ['node-hid', 'hid_library_absent'],
  ] as const) {
    assert.ok(name in optionalDependencies && !(name in dependencies));
    assert.match(describeDeviceFault(code), new RegExp(`^${code}: .*${name}`));
  }
});
