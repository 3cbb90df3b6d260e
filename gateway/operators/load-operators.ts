import { readdirSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { isTerminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { RAILS, TAP_KINDS, type Rail, type TapKind } from '@tapgate/sdk/wire/rails';
import { readDataFile } from '../data-file.ts';
import { MODES, type Mode } from '../journeys/mode.ts';
import { StartFault } from '../start-fault.ts';

/** An operator with its lines, stations and terminals, as its data file states them. */
export type OperatorData = {
  readonly operatorId: string;
  readonly nameZh: string;
  readonly nameEn: string;
  /** folder in gateway/jurisdictions */
  readonly jurisdiction: string;
  /** IANA zone */
  readonly timeZone: string;
  /** HH:MM local; taps before it belong to the service date before */
  readonly serviceDayStart: string;
  readonly lines: readonly LineData[];
};

export type LineData = {
  readonly lineId: string;
  readonly nameZh: string;
  readonly nameEn: string;
  readonly networkId: string;
  readonly mode: Mode;
  readonly rail: Rail;
  /** 9F02: price on offline_purchase (null: keyed in), probe amount on oda, fen */
  readonly amountFen: number | null;
  readonly merchant: { readonly merchantId: string; readonly nameZh: string; readonly mcc: string };
  readonly stations: readonly StationData[];
  readonly terminals: readonly TerminalData[];
};

export type StationData = {
  readonly stationId: string;
  readonly nameZh: string;
  readonly nameEn: string;
  /** along the line from its first station */
  readonly metres: number;
};

export type TerminalData = {
  readonly terminalId: TerminalId;
  readonly tapKind: TapKind;
  readonly stationId: string | null;
};

export const DEMO_OPERATORS_FOLDER = path.join(import.meta.dirname, 'demo');

// Identifiers travel in the tap record: 16 ASCII characters (sdk/tap-record).
const Identifier = z.string().regex(/^[A-Za-z0-9-]{1,16}$/, 'one to sixteen letters, digits or hyphens');
const Name = z.string().min(1).max(60);
const TimeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'a time of day, HH:MM');
const TimeZone = z.string().refine(isTimeZone, 'not an IANA time zone');

const StationEntry = z.strictObject({
  stationId: Identifier,
  nameZh: Name,
  nameEn: Name,
  metres: z.int().min(0).max(1_000_000),
});

const TerminalEntry = z.strictObject({
  terminalId: z.string().refine(isTerminalId, 'eight of 0-9 A-Z'),
  tapKind: z.enum(TAP_KINDS),
  stationId: Identifier.optional(),
});

const LineEntry = z.strictObject({
  lineId: Identifier,
  nameZh: Name,
  nameEn: Name,
  networkId: z.string().min(1),
  rail: z.enum(RAILS),
  amountFen: z.int().min(0).max(100_000_000).nullable(),
  merchant: z.strictObject({
    merchantId: z.string().regex(/^\d{15}$/, 'fifteen digits'),
    nameZh: Name,
    mcc: z.string().regex(/^\d{4}$/, 'four digits'),
  }),
  stations: z.array(StationEntry).default([]),
  terminals: z.array(TerminalEntry).min(1),
});

const OperatorFile = z
  .strictObject({
    version: z.literal(1),
    date: z.iso.date(),
    mark: z.enum(['sure', 'likely', 'unsure', 'invented']),
    operator: z.strictObject({
      operatorId: Identifier,
      nameZh: Name,
      nameEn: Name,
      jurisdiction: z.string().regex(/^[a-z-]+$/),
      timeZone: TimeZone,
      serviceDayStart: TimeOfDay,
    }),
    networks: z.array(z.strictObject({ networkId: z.string().min(1), mode: z.enum(MODES) })).min(1),
    lines: z.array(LineEntry).min(1),
  })
  .superRefine((file, context) => {
    const networks = new Set(file.networks.map((network) => network.networkId));
    file.lines.forEach((line, index) => {
      for (const [field, message] of faultsOfLine(line, networks)) {
        context.addIssue({ code: 'custom', path: ['lines', index, field], message });
      }
    });
  });

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

/** What single fields cannot show: places that do not exist, gates without a place, a price that nobody would know. */
function* faultsOfLine(
  line: z.output<typeof LineEntry>,
  networks: ReadonlySet<string>,
): Generator<[field: string, message: string]> {
  if (!networks.has(line.networkId)) yield ['networkId', `no network ${line.networkId}`];
  if (line.rail === 'oda' && line.amountFen === null) yield ['amountFen', 'oda needs a probe amount'];
  if (line.rail === 'offline_purchase' && line.amountFen === 0) yield ['amountFen', 'a purchase of nothing'];
  const stations = new Set(line.stations.map((station) => station.stationId));
  if (stations.size !== line.stations.length) yield ['stations', 'a station stands twice'];
  for (const [index, station] of line.stations.entries()) {
    const before = line.stations[index - 1];
    if (before && station.metres <= before.metres) {
      yield ['stations', `${station.stationId} is not beyond the station before it`];
    }
  }
  for (const terminal of line.terminals) {
    const where = terminal.stationId;
    if (terminal.tapKind === 'single' ? where !== undefined : where === undefined || !stations.has(where)) {
      yield [
        'terminals',
        `${terminal.terminalId}: entry and exit stand in a station of the line, single in none`,
      ];
    }
  }
}

/**
 * Reads every operator of a folder.
 *
 * @throws StartFault data_file_invalid naming file, path and reason; also for an id that two operators share
 */
export function loadOperators(folder: string = DEMO_OPERATORS_FOLDER): readonly OperatorData[] {
  const operators = readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .map((name) => operatorOf(readDataFile(path.join(folder, name), OperatorFile)));
  const lines = operators.flatMap((operator) => operator.lines);
  refuseShared(
    'operator',
    operators.map((operator) => operator.operatorId),
  );
  refuseShared(
    'line',
    lines.map((line) => line.lineId),
  );
  refuseShared(
    'station',
    lines.flatMap((line) => line.stations.map((station) => station.stationId)),
  );
  refuseShared(
    'terminal',
    lines.flatMap((line) => line.terminals.map((terminal) => terminal.terminalId)),
  );
  return operators;
}

function operatorOf(file: z.output<typeof OperatorFile>): OperatorData {
  const modes = new Map(file.networks.map((network) => [network.networkId, network.mode]));
  return {
    ...file.operator,
    lines: file.lines.map((line) => ({
      ...line,
      mode: modeOf(modes, line.networkId),
      terminals: line.terminals.map((terminal) => ({ ...terminal, stationId: terminal.stationId ?? null })),
    })),
  };
}

function modeOf(modes: ReadonlyMap<string, Mode>, networkId: string): Mode {
  const mode = modes.get(networkId);
  if (mode === undefined) throw new RangeError('a checked line has a network');
  return mode;
}

function refuseShared(kind: string, ids: readonly string[]): void {
  const shared = ids.find((id, index) => ids.indexOf(id) !== index);
  if (shared !== undefined)
    throw new StartFault('data_file_invalid', `two operators share the ${kind} ${shared}`);
}
