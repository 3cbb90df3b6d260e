import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import path from 'node:path';
import postgres from 'postgres';
import { loadBanks } from '@tapgate/gateway/banks/load-banks';
import { loadDemoData } from '@tapgate/gateway/operators/demo-reference';
import { benchOperator } from '../limits/bench-operator.ts';
import { Child } from '../limits/child.ts';
import { GATEWAY } from '../node-start.ts';
import { LimitsServer } from '../limits/limits-server.ts';
import type { Figure } from './figure.ts';
import type { Settled, SettleOrder, SettleStart } from './settle-process.ts';

/**
 * Settling alone: a queue that was filled through COPY with what the limits bench's terminals send (two bus rides a card), settled by a process
 * that does nothing else. Times first; then the same again under a CPU profile, an allocation profile and the server's own explanation of each
 * statement, each on taps of its own, because each of them slows what it looks at.
 * TAPS, RAIL and JURISDICTION by hand; PROFILES=folder keeps the raw profiles.
 */
const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');
const RAILS = {
  offline_purchase: { lineId: 'BENCH-PAY', letter: 'P', amountFen: 200 },
  oda: { lineId: 'BENCH-ODA', letter: 'D', amountFen: 0 },
} as const;

export async function measureSettle(): Promise<readonly Figure[]> {
  const taps = Number(process.env['TAPS'] ?? '40000');
  const jurisdiction = process.env['JURISDICTION'] ?? loadDemoData().operators[0]?.jurisdiction ?? '';
  const rail = process.env['RAIL'] === 'oda' ? 'oda' : 'offline_purchase';
  const server = await LimitsServer.start(process.env['DATABASE_URL'] ?? null);
  const child = new Child('../micro/settle-process.ts', GATEWAY);
  try {
    const databaseUrl = await server.freshDatabase(jurisdiction, NOW_MS);
    await child.ask('start', { databaseUrl, jurisdiction } satisfies SettleStart);
    const run = async (look: SettleOrder['look'], count: number, fromCard: number) => {
      await fillQueue(databaseUrl, { count, fromCard, jurisdiction, rail });
      const folder = process.env['PROFILES'];
      const profileFile = folder === undefined ? null : path.join(folder, `settle-${look}.json`);
      const before = server.cpuMs() ?? 0;
      const settled = await child.ask<Settled>('settle', { look, profileFile } satisfies SettleOrder);
      return { ...settled, databaseMs: (server.cpuMs() ?? 0) - before };
    };
    // What is compiled in the first minute runs for months: rehearsed first, as the limits bench does.
    await run('time', 8_000, 0);
    const timed = await run('time', taps, 1_000_000);
    const staged = await run('stages', taps, 2_000_000);
    const allocated = await run('allocation', Math.ceil(taps / 4), 3_000_000);
    const explained = await run('statements', taps, 4_000_000);
    await child.ask('stop');
    const perTapUs = (ms: number, of: Settled): number => (ms * 1_000) / of.taps;
    const ownUs = perTapUs(timed.cpuMs, timed);
    return [
      { name: 'settled', value: timed.taps / timed.seconds, unit: 'taps/s' },
      { name: 'CPU of the settling process a tap', value: ownUs, unit: 'us' },
      { name: 'CPU of the database a tap', value: perTapUs(timed.databaseMs, timed), unit: 'us' },
      {
        name: 'CPU of both a tap',
        value: ownUs + perTapUs(timed.databaseMs, timed),
        unit: 'us',
      },
      { name: 'allocated a tap', value: allocated.allocatedBytes / allocated.taps / 1_000, unit: 'kB' },
      { name: 'resident memory', value: timed.rssBytes / 1e6, unit: 'MB' },
      ...bySize(staged.stages).map(([stage, share]) => ({
        name: `  process: ${stage}`,
        value: share * ownUs,
        unit: 'us a tap',
      })),
      ...Object.entries(explained.statements)
        .sort(([, a], [, b]) => b.ms - a.ms)
        .flatMap(([statement, { ms, walBytes }]) => [
          { name: `  server: ${statement}`, value: perTapUs(ms, explained), unit: 'us a tap' },
          ...(walBytes === 0
            ? []
            : [{ name: '    its WAL', value: walBytes / explained.taps, unit: 'bytes a tap' }]),
        ]),
    ];
  } finally {
    await child.end();
    await server.stop();
  }
}

const bySize = (shares: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(shares).sort(([, a], [, b]) => b - a);

/** Two taps of each card, at two of the line's terminals, in the order in which they would have been accepted. */
async function fillQueue(
  databaseUrl: string,
  order: {
    readonly count: number;
    readonly fromCard: number;
    readonly jurisdiction: string;
    readonly rail: keyof typeof RAILS;
  },
): Promise<void> {
  const { lineId, letter, amountFen } = RAILS[order.rail];
  const terminals = benchOperator(order.jurisdiction).operators[0]?.lines.find(
    (line) => line.lineId === lineId,
  )?.terminals;
  const banks = loadBanks();
  const cards = Math.ceil(order.count / 2);
  const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  const line = (turn: number, card: number): string => {
    const number = order.fromCard + card;
    const token = createHash('sha256').update(`card ${number}`).digest('hex').slice(0, 32);
    const terminal = `${letter}${String((number + turn) % (terminals?.length ?? 1)).padStart(7, '0')}`;
    const at = new Date(NOW_MS - 3_600_000 + turn * 1_200_000 + (card % 600_000)).toISOString();
    const bank = banks[number % banks.length]?.bankId ?? '';
    const columns = [
      `\\\\x${token}`,
      1,
      turn + 1,
      terminal,
      number * 2 + turn,
      '2026-11-18',
      at,
      'bench',
      lineId,
    ];
    return [...columns, '\\N', order.rail, 'single', amountFen, bank, 'chargeable', '\\N', 'ready'].join(
      '\t',
    );
  };
  function* lines(): Generator<string> {
    for (const turn of [0, 1]) for (let card = 0; card < cards; card++) yield `${line(turn, card)}\n`;
  }
  const writable = await sql
    .unsafe(
      `copy unsettled_tap (pan_token, psn, atc, terminal_id, tap_sequence, service_date, tapped_at, operator_id, line_id,
        station_id, rail, tap_kind, amount_fen, bank_id, outcome, cause, state) from stdin`,
    )
    .writable();
  await pipeline(Readable.from(lines()), writable);
  await sql`analyze unsettled_tap`;
  await sql.end();
}
