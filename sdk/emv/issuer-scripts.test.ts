import assert from 'node:assert/strict';
import test from 'node:test';
import { bytesFromHex, hex } from './hex.ts';
import { parseIssuerScripts } from './issuer-scripts.ts';

const read = (templates: string) =>
  parseIssuerScripts(bytesFromHex(templates))?.map(({ stage, identifier, commands }) => ({
    stage,
    identifier: identifier && hex(identifier),
    commands: commands.map((command) => hex(command)),
  }));

test('commands come out in their order, verbatim, with the stage of their template', () => {
  assert.deepEqual(
    read('71139F1804000000018604842400008604841E0000' + '7206860484160000'),
    [
      {
        stage: 'before_final_cryptogram',
        identifier: '00000001',
        commands: ['84240000', '841E0000'],
      },
      { stage: 'after_final_cryptogram', identifier: null, commands: ['84160000'] },
    ].map((script) => script),
  );
  assert.deepEqual(read(''), []);
});

test('what is no script is none', () => {
  for (const broken of ['7106860484', '700686048416', '8604841E0000', '71'.repeat(600)])
    assert.equal(read(broken), undefined, broken.slice(0, 20));
});
