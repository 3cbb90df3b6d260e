import { loadBanks } from '@tapgate/gateway/banks/load-banks';
import { createDemoKeystore } from '@tapgate/gateway/keys/demo-keystore';
import type { Keystore } from '@tapgate/gateway/keys/keystore';
import { keyOwnersOf, type DemoData } from '@tapgate/gateway/operators/demo-reference';
import type { LineData } from '@tapgate/gateway/operators/load-operators';
import { terminalId } from '@tapgate/sdk/wire/identifiers';
import type { Rail } from '@tapgate/sdk/wire/rails';

/** Terminals of each line: few enough that each comes back with a backlog of hundreds of taps, as a bus does after half a day. */
const TERMINALS = 24;

/** The jurisdiction of the demonstration: whose bus rules price the bench's rides. */
export function benchOperator(jurisdiction: string): DemoData {
  const line = (lineId: string, rail: Rail, letter: string, amountFen: number): LineData => ({
    lineId,
    nameZh: lineId,
    nameEn: lineId,
    networkId: 'bench',
    mode: 'bus',
    rail,
    amountFen,
    merchant: { merchantId: '999999999999999', nameZh: lineId, mcc: '4131' },
    stations: [],
    terminals: Array.from({ length: TERMINALS }, (_, index) => ({
      terminalId: terminalId(`${letter}${String(index).padStart(7, '0')}`),
      tapKind: 'single',
      stationId: null,
    })),
  });
  const operator = {
    operatorId: 'bench',
    nameZh: 'bench',
    nameEn: 'bench',
    jurisdiction,
    timeZone: 'Asia/Shanghai',
    serviceDayStart: '04:00',
    lines: [line('BENCH-ODA', 'oda', 'D', 0), line('BENCH-PAY', 'offline_purchase', 'P', 200)],
  };
  return { operators: [operator], banks: loadBanks() };
}

/** The same keys in every process of the bench. */
export function benchKeystore(data: DemoData): Keystore {
  return createDemoKeystore(keyOwnersOf(data), {
    createdAt: '2026-01-01',
    seed: Buffer.from('bench of the limits'),
  });
}
