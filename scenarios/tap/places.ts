import type { LineData, StationData, TerminalData } from '@tapgate/gateway/operators/load-operators';
import type { DemoData } from '@tapgate/gateway/operators/demo-reference';
import type { Places } from './tap-scenarios.ts';

/** The scenarios' metro journey: a distance inside the second band of the demonstration's fares, metres. */
const JOURNEY_METRES = { over: 4_000, upTo: 8_000 };

/**
 * Finds in the operators' data a place of each kind that the scenarios need.
 *
 * @throws RangeError when the data have no such place
 */
export function placesOf(data: DemoData): Places {
  const lines = data.operators.flatMap((operator) => operator.lines);
  const concessionBuses = terminalsOf(lines.find((line) => line.mode === 'bus' && line.rail === 'oda'));
  const clinic = terminalsOf(lines.find((line) => line.mode === 'clinic'));
  const metro = lines.find((line) => line.mode === 'metro');
  const [entryStation, exitStation] = stationsApart(metro?.stations ?? []);
  return {
    concessionBus: need(concessionBuses[0]?.terminalId),
    otherConcessionBus: need(concessionBuses[1]?.terminalId),
    metroEntry: need(gateOf(metro, entryStation, 'entry')?.terminalId),
    metroExit: need(gateOf(metro, exitStation, 'exit')?.terminalId),
    clinic: need(clinic[0]?.terminalId),
  };
}

const terminalsOf = (line: LineData | undefined): readonly TerminalData[] => line?.terminals ?? [];

function stationsApart(stations: readonly StationData[]): readonly [string | undefined, string | undefined] {
  for (const from of stations) {
    const to = stations.find(({ metres }) => {
      const apart = metres - from.metres;
      return apart > JOURNEY_METRES.over && apart <= JOURNEY_METRES.upTo;
    });
    if (to !== undefined) return [from.stationId, to.stationId];
  }
  return [undefined, undefined];
}

function gateOf(
  line: LineData | undefined,
  stationId: string | undefined,
  tapKind: 'entry' | 'exit',
): TerminalData | undefined {
  return terminalsOf(line).find(
    (terminal) => terminal.stationId === stationId && terminal.tapKind === tapKind,
  );
}

function need<Value>(value: Value | undefined): Value {
  if (value === undefined) throw new RangeError('the operators’ data lack a place that the scenarios need');
  return value;
}
