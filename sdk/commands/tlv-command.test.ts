import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import test from 'node:test';
import { bytesFromHex } from '../emv/hex.ts';
import { showTlv, tlvLines, type ShownTlv } from './tlv-tree.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const PAN = '6228000100001117';
/** A GPO response with the PAN in 57, in the card certificate, and once more where no dictionary expects it. */
const RESPONSE = `772482027C005708${PAN}9F36020005DF7F09${PAN}FF9F0702FF00`;

function show(text: string, options: { unmask?: boolean; terminal?: boolean } = {}): ShownTlv {
  const scope = options.terminal === true ? 'terminal-parameter' : 'card';
  return showTlv(bytesFromHex(text), { unmask: options.unmask ?? false, scope });
}
function lines(text: string, options: { unmask?: boolean; terminal?: boolean } = {}): string[] {
  const shown = show(text, options);
  assert.ok(shown.ok);
  return tlvLines(shown.objects);
}

function command(args: string[], input = '') {
  return spawnSync(process.execPath, ['--import', 'tsx', 'sdk/commands/tlv-command.ts', ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    input,
  });
}

test('the tree is printed with both names, lengths and readings', () => {
  assert.deepEqual(lines('6F1B8408A000000333010101A50F5004504254439F38069F66049F3704'), [
    '6F FCI template FCI模板 [27]',
    '  84 DF name 专用文件名 [8] A000000333010101',
    '  A5 FCI proprietary template FCI专用模板 [15]',
    '    50 application label 应用标签 [4] 50425443 "PBTC"',
    '    9F38 PDOL 处理选项数据对象列表 [6] 9F66049F3704 9F66(4) 9F37(4)',
  ]);
  assert.deepEqual(lines('DF7F00'), ['DF7F not in the dictionary [0]']);
});

test('text is read as GBK, and nothing is printed that a screen would act on', () => {
  assert.deepEqual(lines('5004D6D0B9FA'), ['50 application label 应用标签 [4] D6D0B9FA "中国"']);
  assert.deepEqual(lines('50041B5B324A'), ['50 application label 应用标签 [4] 1B5B324A']);
  assert.deepEqual(lines('5002FFFF'), ['50 application label 应用标签 [2] FFFF']);
});

test('names depend on the scope: DF11 of a card and of a parameter record', () => {
  assert.match(lines('DF110100')[0] ?? '', /T-Union/);
  assert.match(lines('DF110100', { terminal: true })[0] ?? '', /TAC default/);
});

test('sensitive values are masked, wherever the PAN stands, until asked for', () => {
  const masked = lines(RESPONSE).join('\n');
  assert.ok(!masked.includes(PAN.slice(0, 8)) && !masked.includes(PAN.slice(-6)), masked);
  assert.match(masked, /57 .*\(masked\)/);
  assert.match(masked, /DF7F .*\(masked\)/);
  assert.match(masked, /9F36 .* 0005/);
  assert.equal(lines(RESPONSE, { unmask: true }).join('\n').split(PAN).length, 3);
  const shown = JSON.stringify(show(RESPONSE));
  assert.ok(!shown.includes(PAN));
});

test('what a reader shows and a kernel refuses is said', () => {
  const shown = show('770A9F360200019F36020002');
  assert.ok(shown.ok);
  assert.equal(shown.kernelRefusal?.code, 'duplicate_object');
  const good = show('77059F36020001');
  assert.ok(good.ok && good.kernelRefusal === null);
});

test('the command: tree and 0, offset and 1, usage and 2; never a digit of the input in an error', () => {
  const good = command(['7705', '9F36020005']);
  assert.equal(good.status, 0);
  assert.match(good.stdout, /9F36 .* 0005/);

  const fromInput = command(['-', '--json'], `5A08 ${PAN}\n`);
  assert.equal(fromInput.status, 0);
  assert.ok(!fromInput.stdout.includes(PAN));
  assert.equal((JSON.parse(fromInput.stdout) as { ok: boolean }).ok, true);

  const broken = command([`700B5A09${PAN}`]);
  assert.equal(broken.status, 1);
  assert.match(broken.stderr, /^value_truncated at offset 12 in 70: expected 11 value bytes, 10 remain$/m);
  assert.ok(!broken.stderr.includes(PAN));

  const notHex = command([`5A08${PAN.slice(0, -1)}G`]);
  assert.equal(notHex.status, 2);
  assert.match(notHex.stderr, /^not hex: digit 20 is none$/m);

  for (const args of [[], ['--colour', '5A00']]) assert.equal(command(args).status, 2);
});
