import type { PassengerKind } from '../gate/rider-signal.ts';
import type { GateLists } from '../lists/gate-lists.ts';
import type { RiderSignals } from '../rider/load-rider-signals.ts';
import type { TapResult } from '../validator.ts';
import { localDateOf } from './terminal-zone.ts';

/** Of several rights the one that an attendant would want to hear of. */
const FIRST_HEARD: readonly PassengerKind[] = ['senior', 'child', 'concession'];

/** As what the holder of an opened tap travels, by the concession list that the gate holds; whoever is not on it travels as anybody. */
export function passengerAt(
  result: TapResult,
  at: {
    readonly gate: Pick<GateLists, 'rightsOf'>;
    readonly signals: Pick<RiderSignals, 'passengerOf'>;
    readonly zone: string;
  },
): PassengerKind {
  const { evidence } = result.outcome;
  if (evidence === null) return at.signals.passengerOf(null);
  const localDate = localDateOf(at.zone, result.tappedAtMs);
  const rights = at.gate.rightsOf(evidence.identity, { localDate, nowMs: result.tappedAtMs });
  const kinds = rights.map(({ category }) => at.signals.passengerOf(category));
  return FIRST_HEARD.find((kind) => kinds.includes(kind)) ?? at.signals.passengerOf(null);
}
