import { SignedTaps } from '@tapgate/gateway/intake/signed-taps.fixture';
import type { TerminalPlacement } from '@tapgate/gateway/ingest/terminal-placement';
import type { Keystore } from '@tapgate/gateway/keys/keystore';
import type { DemoData } from '@tapgate/gateway/operators/demo-reference';
import { terminalId } from '@tapgate/sdk/wire/identifiers';

/** A line of the demonstration on which all terminals of the bench stand, and its bank. */
export type BenchLine = {
  readonly place: Omit<TerminalPlacement, 'terminalId'>;
  readonly bank: { readonly bankId: string; readonly bin: string };
};

export const benchTerminalId = (index: number) => terminalId(`R${String(index).padStart(7, '0')}`);

/** @throws RangeError when the demonstration has no bus that is checked by the card's proof */
export function benchLineOf(data: DemoData, publicKeyXy: Uint8Array): BenchLine {
  for (const operator of data.operators) {
    const line = operator.lines.find(({ mode, rail }) => mode === 'bus' && rail === 'oda');
    const like = line?.terminals.find(({ tapKind }) => tapKind === 'single');
    const [bank] = data.banks;
    const bin = bank?.bins[0];
    if (line === undefined || like === undefined || bank === undefined || bin === undefined) continue;
    const { operatorId, timeZone: zone, jurisdiction: region } = operator;
    const { lineId, rail, amountFen } = line;
    const { stationId, tapKind } = like;
    return {
      place: {
        ...{ operatorId, lineId, stationId, tapKind, rail, amountFen, zone, region },
        ...{ sm2PublicKey: publicKeyXy, revokedAtMs: null, serviceDayStartMs: 0 },
      },
      bank: { bankId: bank.bankId, bin },
    };
  }
  throw new RangeError('the demonstration has a bus line with card proof');
}

/** Makes the taps that terminals hold, each of a card of its own with its certificate, signature, cryptogram and MAC. */
export class BacklogTaps {
  readonly #taps: SignedTaps;
  readonly #line: BenchLine;
  #cards = 0;

  constructor(keystore: Keystore, line: BenchLine) {
    this.#taps = new SignedTaps(keystore);
    this.#line = line;
  }

  /** Records of a terminal, counted from sequence `from` on, a second apart and the last of them at `untilMs`. */
  of(
    terminal: number,
    order: { readonly from: number; readonly count: number; readonly untilMs: number },
  ): readonly Uint8Array[] {
    const { place, bank } = this.#line;
    const placement = { ...place, terminalId: benchTerminalId(terminal) };
    return Array.from({ length: order.count }, (_, index) => {
      const card = this.#taps.makeCard({ ...bank, number: ++this.#cards });
      const atMs = order.untilMs - (order.count - 1 - index) * 1_000;
      return this.#taps.makeTap({ card, placement, sequence: order.from + index, atc: 1, atMs });
    });
  }
}
