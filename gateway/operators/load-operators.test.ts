import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { DEMO_OPERATORS_FOLDER, loadOperators, type LineData } from './load-operators.ts';

const operators = loadOperators();
const lines = new Map(operators.flatMap((operator) => operator.lines).map((line) => [line.lineId, line]));
const lineOf = (lineId: string): LineData => {
  const line = lines.get(lineId);
  assert.ok(line, lineId);
  return line;
};

test('the demonstration is two bus lines, a metro line of eight stations and a clinic', () => {
  const told = [...lines.values()].map((line) => [line.lineId, line.mode, line.rail, line.amountFen]);
  assert.deepEqual(told, [
    ['BUS-A', 'bus', 'oda', 0],
    ['BUS-B', 'bus', 'offline_purchase', 200],
    ['CLINIC', 'clinic', 'offline_purchase', null],
    ['METRO-1', 'metro', 'oda', 0],
  ]);
  assert.equal(lineOf('METRO-1').stations.length, 8);
  assert.ok(lineOf('BUS-A').terminals.length >= 2);
  const mccs = ['BUS-A', 'METRO-1', 'CLINIC'].map((lineId) => lineOf(lineId).merchant.mcc);
  assert.deepEqual(mccs, ['4131', '4111', '8099']);
});

test('every station has a gate in and a gate out', () => {
  const { stations, terminals } = lineOf('METRO-1');
  for (const { stationId } of stations) {
    const kinds = terminals
      .filter((terminal) => terminal.stationId === stationId)
      .map((terminal) => terminal.tapKind);
    assert.deepEqual(kinds.sort(), ['entry', 'exit'], stationId);
  }
});

test('the stations’ distances lie on both sides of each band’s edge, and on it', () => {
  const { stations } = lineOf('METRO-1');
  const distances = stations.flatMap((from) => stations.map((to) => Math.abs(from.metres - to.metres)));
  for (const edge of [4000, 8000, 13000]) {
    assert.ok(
      distances.some((metres) => metres > edge - 1500 && metres < edge),
      `below ${edge}`,
    );
    assert.ok(
      distances.some((metres) => metres > edge && metres < edge + 1500),
      `above ${edge}`,
    );
  }
  assert.ok(distances.includes(4000) && distances.includes(8000));
});

const scratch = mkdtempSync(path.join(tmpdir(), 'tapgate-operators-'));
after(() => {
  rmSync(scratch, { recursive: true });
});

/** The demonstration's files with one of them changed. */
function loadWith(file: string, change: (text: string) => string): void {
  const folder = mkdtempSync(path.join(scratch, 'files-'));
  for (const name of readdirSync(DEMO_OPERATORS_FOLDER)) {
    copyFileSync(path.join(DEMO_OPERATORS_FOLDER, name), path.join(folder, name));
  }
  const before = readFileSync(path.join(folder, file), 'utf8');
  const changed = change(before);
  assert.notEqual(changed, before, 'the change finds its place');
  writeFileSync(path.join(folder, file), changed);
  loadOperators(folder);
}

test('a mistake in a file is named by file, path and reason', () => {
  const cases: readonly [file: string, from: string, to: string, reason: RegExp][] = [
    [
      'bus.yaml',
      "serviceDayStart: '04:00'",
      "serviceDayStart: '24:00'",
      /operator\.serviceDayStart: a time of day/,
    ],
    [
      'bus.yaml',
      'timeZone: Asia/Shanghai',
      'timeZone: Asia/Nowhere',
      /operator\.timeZone: not an IANA time zone/,
    ],
    [
      'bus.yaml',
      'terminalId: BUSA0001',
      'terminalId: BUSA001',
      /lines\.0\.terminals\.0\.terminalId: eight of 0-9 A-Z/,
    ],
    ['bus.yaml', 'rail: oda', 'rail: odd', /lines\.0\.rail: /],
    ['bus.yaml', 'amountFen: 200', 'amountFen: 2.5', /lines\.1\.amountFen: /],
    ['bus.yaml', 'amountFen: 200', 'amountFen: 0', /lines\.1\.amountFen: a purchase of nothing/],
    ['bus.yaml', 'mode: bus', 'mode: omnibus', /networks\.0\.mode: /],
    ['bus.yaml', 'version: 1', 'version: 1\ncolour: red', /Unrecognized key: "colour"/],
    [
      'bus.yaml',
      'BUSA0002, tapKind: single',
      'BUSA0002, tapKind: entry',
      /BUSA0002: entry and exit stand in a station/,
    ],
    ['bus.yaml', 'BUSB0001', 'BUSA0001', /two operators share the terminal BUSA0001/],
    ['bus.yaml', 'version: 1', 'version: 1\nversion: 1', /Map keys must be unique/],
    [
      'metro.yaml',
      'metres: 2700',
      'metres: 1400',
      /lines\.0\.stations: M1-03 is not beyond the station before it/,
    ],
    [
      'metro.yaml',
      'exit, stationId: M1-08',
      'exit, stationId: M1-09',
      /M1S8EX01: entry and exit stand in a station/,
    ],
    [
      'metro.yaml',
      'networkId: demo-metro\n    rail',
      'networkId: demo-tram\n    rail',
      /no network demo-tram/,
    ],
    ['clinic.yaml', 'lineId: CLINIC', 'lineId: BUS-A', /two operators share the line BUS-A/],
    [
      'clinic.yaml',
      'operatorId: demo-clinic',
      'operatorId: demo-bus',
      /two operators share the operator demo-bus/,
    ],
  ];
  for (const [file, from, to, reason] of cases) {
    assert.throws(
      () => {
        loadWith(file, (text) => text.replace(from, to));
      },
      (error: unknown) =>
        error instanceof Error &&
        'code' in error &&
        error.code === 'data_file_invalid' &&
        reason.test(error.message),
      `${file}: ${to}`,
    );
  }
});
