import type { TerminalPlacement } from '@tapgate/gateway/ingest/terminal-placement';
import { issueSessionToken } from '@tapgate/gateway/http/terminal-session';
import { SignedTaps, type FixtureCard } from '@tapgate/gateway/intake/signed-taps.fixture';
import { terminalCredentials } from '@tapgate/gateway/keys/demo-credentials';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { benchKeystore, benchOperator } from './bench-operator.ts';
import { serveOrders } from './child.ts';
import { openRecordFile } from './record-file.ts';

export type PrepareOrder = {
  readonly jurisdiction: string;
  readonly rail: 'oda' | 'offline_purchase';
  /** the first tap of every card, which its gateway has never seen */
  readonly coldFile: string;
  /** the second tap of the same cards */
  readonly warmFile: string;
  /** this process makes every card whose number leaves this remainder */
  readonly part: number;
  readonly parts: number;
  readonly cardsMax: number;
  /** as many cards as can be made in this time */
  readonly budgetMs: number;
  readonly nowMs: number;
};

serveOrders({ prepare });

/** Distinct records, each with its own act, signature, cryptogram and MAC; every card taps twice. */
async function prepare(order: PrepareOrder): Promise<number> {
  const data = benchOperator(order.jurisdiction);
  const keystore = benchKeystore(data);
  const keys = new KeystoreProvider(keystore);
  const line = data.operators[0]?.lines.find(({ rail }) => rail === order.rail);
  if (line === undefined) throw new RangeError('the bench has a line of each rail');
  const places = line.terminals.map(({ terminalId }) => ({
    placement: {
      ...{
        terminalId,
        operatorId: 'bench',
        lineId: line.lineId,
        stationId: null,
        tapKind: 'single',
        rail: line.rail,
      },
      ...{
        amountFen: line.amountFen,
        revokedAtMs: null,
        zone: 'Asia/Shanghai',
        region: order.jurisdiction,
        serviceDayStartMs: 0,
      },
      sm2PublicKey: terminalCredentials(keystore, terminalId).sm2PublicKey,
    } satisfies TerminalPlacement,
    token: issueSessionToken(keys.sessionTokenKey(), terminalId, order.nowMs).token,
  }));
  const taps = new SignedTaps(keystore);
  const cold = openRecordFile(order.coldFile);
  const warm = openRecordFile(order.warmFile);

  const makeCard = (serial: number): FixtureCard => {
    const number = serial * order.parts + order.part;
    const bank = data.banks[number % data.banks.length];
    const bin = bank?.bins[0];
    if (bank === undefined || bin === undefined) throw new RangeError('a bank has a BIN');
    return taps.makeCard({ bankId: bank.bankId, bin, number });
  };
  const writeTaps = (serial: number): void => {
    const card = makeCard(serial);
    for (const [turn, file] of [cold, warm].entries()) {
      // A place for each turn, so that no terminal sees one card twice and its sequence numbers do not meet.
      const index = serial * order.parts + order.part;
      const place = places[(index + turn) % places.length];
      if (place === undefined) throw new RangeError('the line has terminals');
      const sequence = (Math.floor((index + turn) / places.length) + 1) * 2 + turn;
      const atMs = order.nowMs - 3_600_000 + turn * 1_200_000 + (serial % 600_000);
      const record = taps.makeTap({ card, placement: place.placement, sequence, atc: turn + 1, atMs });
      file.write({ terminalId: place.placement.terminalId, token: place.token, record });
    }
  };

  const startedMs = performance.now();
  let cards = 0;
  for (; cards < order.cardsMax && performance.now() - startedMs < order.budgetMs; cards++) writeTaps(cards);
  await Promise.all([cold.close(), warm.close()]);
  return cards;
}
