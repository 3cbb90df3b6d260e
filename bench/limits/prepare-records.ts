import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Child } from './child.ts';
import type { PrepareOrder } from './prepare-process.ts';

/** The gateway's clock in every run: what was prepared is a few hours old by it. */
export const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');

export type Rail = 'oda' | 'offline_purchase';

/** Files of records, one of each kind for each process that made them. */
export type RecordFiles = {
  readonly cold: readonly string[];
  readonly warm: readonly string[];
  readonly cards: number;
};

export type RecordsOrder = {
  readonly jurisdiction: string;
  readonly folder: string;
  readonly rail: Rail;
  readonly cardsMax: number;
  /** as many cards as can be made in this time, ms */
  readonly budgetMs: number;
  readonly onProgress: (line: string) => void;
};

/** Makes cards with two taps each, really signed, on every core at once. */
export async function prepareRecords(order: RecordsOrder): Promise<RecordFiles> {
  const { jurisdiction, folder, rail, cardsMax, budgetMs } = order;
  const parts = availableParallelism();
  const names = (kind: string): string[] =>
    Array.from({ length: parts }, (_, part) => path.join(folder, `${rail}-${kind}-${part}`));
  const [cold, warm] = [names('cold'), names('warm')];
  const made = await Promise.all(
    Array.from({ length: parts }, async (_, part) => {
      const child = new Child('prepare-process.ts');
      const cards = await child.ask<number>('prepare', {
        ...{ jurisdiction, rail, part, parts, budgetMs, nowMs: NOW_MS },
        coldFile: cold[part] ?? '',
        warmFile: warm[part] ?? '',
        cardsMax: Math.ceil(cardsMax / parts),
      } satisfies PrepareOrder);
      await child.end();
      return cards;
    }),
  );
  const cards = made.reduce((total, part) => total + part, 0);
  order.onProgress(`prepared ${cards} cards with two taps each, rail ${rail}`);
  return { cold, warm, cards };
}
