import { fen, type Fen } from '@tapgate/sdk/wire/money';
import type { Band } from './rule-set.ts';

/** A band table made ready: whole metres, each band with the fare at its start. */
export type DistanceTable = { readonly bands: readonly CompiledBand[] };

type CompiledBand = {
  readonly overMetres: number;
  /** inclusive; null = no end */
  readonly upToMetres: number | null;
  /** null: the fare is startFen anywhere in the band; else every started stepMetres adds stepFen */
  readonly stepMetres: number | null;
  readonly startFen: Fen;
  readonly stepFen: Fen;
};

/** The piece of the table in which a distance falls. */
export type BandFare = { readonly overMetres: number; readonly upToMetres: number | null; readonly fen: Fen };

export type TableProblem = { readonly index: number; readonly reason: string };

/**
 * Compiles a band table or names its faults: a hole, an overlap, a band that names neither or both of `fen` and
 * `every_km`/`add_fen`, a distance finer than a metre, an end that is not said to be one, a fare that falls with distance.
 */
export function compileDistanceTable(
  bands: readonly Band[],
  mayEnd: boolean,
): { readonly table: DistanceTable } | { readonly problems: readonly TableProblem[] } {
  const problems: TableProblem[] = [];
  const compiled: CompiledBand[] = [];
  let reachedMetres = 0;
  let reachedFen = 0;
  bands.forEach((band, index) => {
    const fault = (reason: string): void => {
      problems.push({ index, reason });
    };
    const over = metres(band.over_km);
    const upTo = band.up_to_km === undefined ? null : metres(band.up_to_km);
    const step = band.every_km === undefined ? null : metres(band.every_km);
    if (
      over === null ||
      (band.up_to_km !== undefined && upTo === null) ||
      (band.every_km !== undefined && step === null)
    ) {
      fault('a distance is not a whole number of metres');
      return;
    }
    if (over > reachedMetres) fault(`hole: nothing covers over ${km(reachedMetres)} to ${km(over)} km`);
    if (over < reachedMetres) fault(`overlap: ${km(over)} to ${km(reachedMetres)} km is covered twice`);
    if (upTo !== null && upTo <= over) fault('the band ends before it starts');
    if (upTo === null && index < bands.length - 1) fault('only the last band may be open');
    if (upTo !== null && index === bands.length - 1 && !mayEnd) fault('hole: the last band is not open');
    const flat = band.fen !== undefined;
    const stepped = step !== null && band.add_fen !== undefined;
    if (flat === stepped || (step === null) !== (band.add_fen === undefined)) {
      fault('a band names either fen, or every_km and add_fen');
      return;
    }
    if (flat && (band.fen ?? 0) < reachedFen) fault('the fare falls with distance');
    if (stepped && upTo !== null && (upTo - over) % step !== 0)
      fault('the band is not a whole number of every_km');
    if (stepped && index === 0) fault('the first band names fen');
    const startFen = fen(flat ? (band.fen ?? 0) : reachedFen);
    const stepFen = fen(stepped ? (band.add_fen ?? 0) : 0);
    compiled.push({
      overMetres: over,
      upToMetres: upTo,
      stepMetres: stepped ? step : null,
      startFen,
      stepFen,
    });
    if (upTo !== null) {
      reachedFen = startFen + (stepped ? Math.ceil((upTo - over) / step) * stepFen : 0);
      reachedMetres = upTo;
    }
  });
  return problems.length > 0 ? { problems } : { table: { bands: compiled } };
}

/** @returns null when the table ends before this distance. A distance of 0 is in the first band. */
export function fareForDistance(table: DistanceTable, distanceMetres: number): BandFare | null {
  for (const band of table.bands) {
    if (band.upToMetres !== null && distanceMetres > band.upToMetres) continue;
    if (band.stepMetres === null)
      return { overMetres: band.overMetres, upToMetres: band.upToMetres, fen: band.startFen };
    const steps = Math.ceil((distanceMetres - band.overMetres) / band.stepMetres);
    return {
      overMetres: band.overMetres + (steps - 1) * band.stepMetres,
      upToMetres: band.overMetres + steps * band.stepMetres,
      fen: fen(band.startFen + steps * band.stepFen),
    };
  }
  return null;
}

/** Kilometres as whole metres, or null when they are not (7.2 is 7200 although 7.2 * 1000 is not exactly so in binary). */
export function metres(kilometres: number): number | null {
  const rounded = Math.round(kilometres * 1000);
  return Math.abs(kilometres * 1000 - rounded) < 1e-6 ? rounded : null;
}

function km(distanceMetres: number): string {
  return String(distanceMetres / 1000);
}
