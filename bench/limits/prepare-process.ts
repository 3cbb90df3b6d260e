import { issueSessionToken } from '@tapgate/gateway/http/terminal-session';
import { SignedTaps } from '@tapgate/gateway/intake/signed-taps.fixture';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import type { TerminalPlacement } from '@tapgate/gateway/ingest/terminal-placement';
import { terminalCredentials } from '@tapgate/gateway/keys/demo-credentials';
import { benchKeystore, benchOperator } from './bench-operator.ts';
import { serveOrders } from './child.ts';
import { openRecordFile } from './record-file.ts';

export type PrepareOrder = {
  readonly jurisdiction: string;
  readonly rail: 'oda' | 'offline_purchase';
  readonly file: string;
  /** this process makes every one whose card number leaves this remainder */
  readonly part: number;
  readonly parts: number;
  readonly taps: number;
  readonly nowMs: number;
};

const TAPS_OF_A_CARD = 2;

serveOrders({ prepare });

/** Distinct records, each with its own act, signature and MAC; a card taps twice. First taps of all cards come first. */
async function prepare(order: PrepareOrder): Promise<number> {
  const data = benchOperator(order.jurisdiction);
  const keystore = benchKeystore(data);
  const keys = new KeystoreProvider(keystore);
  const line = data.operators[0]?.lines.find(({ rail }) => rail === order.rail);
  if (line === undefined) throw new RangeError('the bench has a line of each rail');
  const placements = line.terminals.map(({ terminalId }): TerminalPlacement => ({
    ...{
      terminalId,
      operatorId: 'bench',
      lineId: line.lineId,
      stationId: null,
      tapKind: 'single',
      rail: line.rail,
    },
    ...{ amountFen: line.amountFen, revokedAtMs: null, zone: 'Asia/Shanghai', serviceDayStartMs: 0 },
    sm2PublicKey: terminalCredentials(keystore, terminalId).sm2PublicKey,
  }));
  const tokens = placements.map(
    ({ terminalId }) => issueSessionToken(keys.sessionTokenKey(), terminalId, order.nowMs).token,
  );
  const taps = new SignedTaps(keystore);
  const file = openRecordFile(order.file);
  const cards = Math.ceil(order.taps / TAPS_OF_A_CARD);
  const mine: ReturnType<SignedTaps['makeCard']>[] = [];
  for (let number = order.part; number < cards; number += order.parts) {
    const bank = data.banks[number % data.banks.length];
    const bin = bank?.bins[0];
    if (bank === undefined || bin === undefined) throw new RangeError('a bank has a BIN');
    mine.push(taps.makeCard({ bankId: bank.bankId, bin, number }));
  }
  let made = 0;
  for (let turn = 0; turn < TAPS_OF_A_CARD; turn += 1) {
    for (const [index, card] of mine.entries()) {
      const serial = (turn * mine.length + index) * order.parts + order.part;
      const placement = placements[serial % placements.length];
      const token = tokens[serial % tokens.length];
      if (placement === undefined || token === undefined) continue;
      const sequence = Math.floor(serial / placements.length) + 1;
      const atMs = order.nowMs - 3_600_000 + turn * 1_200_000 + (index % 600_000);
      const record = taps.makeTap({ card, placement, sequence, atc: turn + 1, atMs });
      file.write({ terminalId: placement.terminalId, token, record });
      made += 1;
    }
  }
  await file.close();
  return made;
}
