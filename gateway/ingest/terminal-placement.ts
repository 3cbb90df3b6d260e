import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { Rail, TapKind } from '@tapgate/sdk/wire/rails';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';

/** Where a record says that it was made. */
type RecordPlace = Pick<TapRecord, 'lineId' | 'stationId' | 'tapKind' | 'rail'>;

/** Where a terminal stands and what it serves: everything of the reference data that one tap needs, in one look-up. */
export type TerminalPlacement = {
  readonly terminalId: TerminalId;
  readonly operatorId: string;
  readonly lineId: string;
  /** null on a line with one fare for all stops */
  readonly stationId: string | null;
  readonly tapKind: TapKind;
  readonly rail: Rail;
  /** 9F02 that a card must have signed here, fen; null where it is keyed in for each payment */
  readonly amountFen: number | null;
  /** 64-byte X||Y under which the terminal proves itself; null before it was enrolled */
  readonly sm2PublicKey: Uint8Array | null;
  readonly revokedAtMs: number | null;
  /** IANA zone of the operator */
  readonly zone: string;
  /** whose fare rules hold there: the operator's jurisdiction */
  readonly region: string;
  /** ms after local midnight at which a service date begins */
  readonly serviceDayStartMs: number;
};

/** True when the record speaks of the place that its terminal stands at. */
export function servesPlaceOf(placement: TerminalPlacement, record: RecordPlace): boolean {
  return (
    record.lineId === placement.lineId &&
    record.stationId === placement.stationId &&
    record.tapKind === placement.tapKind &&
    record.rail === placement.rail
  );
}
