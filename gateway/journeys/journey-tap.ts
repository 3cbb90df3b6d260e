import type { Fen } from '@tapgate/sdk/wire/money';
import type { Rail, TapKind } from '@tapgate/sdk/wire/rails';
import type { Mode } from './mode.ts';

/**
 * One proven tap as pairing and pricing see it: no PAN, no evidence, only where, when and which act of the card it was.
 * (panToken, psn, atc) is the money identity; the ATC orders the acts of one card whatever the terminals' clocks say.
 */
export type JourneyTap = {
  /** names the tap for whoever stores it; pairing only carries it through */
  readonly tapRef: string;
  readonly panToken: string;
  readonly psn: string;
  readonly atc: number;
  readonly operatorId: string;
  readonly lineId: string;
  /** null where the mode has no stations (a flat bus, a clinic) */
  readonly stationId: string | null;
  readonly mode: Mode;
  readonly tapKind: TapKind;
  /** terminal clock, ms since the Unix epoch */
  readonly tappedAtMs: number;
  /** IANA zone of the operator */
  readonly zone: string;
  /** 9F02 as paid by the card (clinic, offline purchase); null where the fare is still to be found */
  readonly amountFen: Fen | null;
  readonly rail: Rail;
};
