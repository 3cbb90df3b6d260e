import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { type PassengerKind, RIDER_SIGNALS, type RiderSignal } from '../gate/rider-signal.ts';
import { DISPLAY_LINE_BYTES_MAX, type GateShow, LAMPS, NOTES_MAX } from '../devices/gate-hardware.ts';

/** Everything that a gate of one region shows, signal by signal, and as what a concession's holder is shown. */
export type RiderSignals = {
  readonly showOf: (signal: RiderSignal) => GateShow;
  /** @param category a rider category of the fare rules; null for a holder without one */
  readonly passengerOf: (category: string | null) => PassengerKind;
};

const Text = z.string().min(1).max(40);
const Note = z
  .tuple([z.int().min(100).max(8_000), z.int().min(10).max(2_550).multipleOf(10)])
  .transform(([hertz, milliseconds]) => ({ hertz, milliseconds }));
const Show = z.strictObject({
  barrier: z.enum(['open', 'shut']),
  lamps: z.array(z.enum(LAMPS)),
  notes: z.array(Note).max(NOTES_MAX),
  zh: Text,
  en: Text,
});
const Dated = {
  version: z.literal(1),
  date: z.iso.date(),
  mark: z.enum(['sure', 'likely', 'unsure', 'invented']),
};
const SignalsFile = z.strictObject({
  ...Dated,
  signals: z.record(z.enum(RIDER_SIGNALS), Show),
  passengers: z.strictObject({ senior: z.array(z.string()), child: z.array(z.string()) }),
});
const Region = z.strictObject({
  counter: z.strictObject({ zh: Text, en: Text }),
  hotline: z.string().regex(/^[\d-]{3,15}$/),
});
const RegionsFile = z.strictObject({ ...Dated, default: Region, regions: z.record(z.string(), Region) });

/**
 * Reads the signals of a gate for a region; one that has no entry takes the default one.
 *
 * @throws ZodError naming what is wrong in a data file, RangeError for a text that the display cannot hold
 */
export function loadRiderSignals(region: string, folder: string = import.meta.dirname): RiderSignals {
  const file = SignalsFile.parse(readYaml(path.join(folder, 'rider-signals.yaml')));
  const regions = RegionsFile.parse(readYaml(path.join(folder, 'regions.yaml')));
  const { counter, hotline } = regions.regions[region] ?? regions.default;
  const line = (text: string, counterName: string): string => {
    const filled = text.replaceAll('{counter}', counterName).replaceAll('{hotline}', hotline);
    if (filled.includes('{')) throw new RangeError('a text of a signal names something that no region has');
    if (Buffer.byteLength(filled) > DISPLAY_LINE_BYTES_MAX)
      throw new RangeError('a text of a signal is longer than a line of the display');
    return filled;
  };
  const shows = new Map(
    RIDER_SIGNALS.map((signal): [RiderSignal, GateShow] => {
      const { barrier, lamps, notes, zh, en } = file.signals[signal];
      return [
        signal,
        { barrier, lamps, notes, lines: { zh: line(zh, counter.zh), en: line(en, counter.en) } },
      ];
    }),
  );
  const { senior, child } = file.passengers;
  return {
    showOf: (signal) => {
      const show = shows.get(signal);
      if (show === undefined) throw new RangeError('every signal has its show');
      return show;
    },
    passengerOf: (category) => {
      if (category === null) return 'ordinary';
      if (senior.includes(category)) return 'senior';
      return child.includes(category) ? 'child' : 'concession';
    },
  };
}

function readYaml(file: string): unknown {
  return parse(readFileSync(file, 'utf8'), { uniqueKeys: true });
}
