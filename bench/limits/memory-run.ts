import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { percentile, type Figure } from '../micro/figure.ts';
import { GATEWAY } from '../node-start.ts';
import { Child } from './child.ts';
import type { Driven, LiveOrder, LoadOrder } from './drive-process.ts';
import type { GatewayCounts, GatewayStart } from './gateway-process.ts';
import { LimitsServer } from './limits-server.ts';
import { NOW_MS, prepareRecords } from './prepare-records.ts';

export type MemoryOrder = {
  readonly databaseUrl: string | null;
  readonly jurisdiction: string;
  readonly minutes: number;
  readonly onProgress: (line: string) => void;
};

/** So many cards for each minute of load, two taps each. */
const CARDS_PER_MINUTE = 3_600;
/** What making a card may take on two cores, ms; twice of what it does. */
const MS_PER_CARD = 4;
const PEAK_SECONDS = 10;
const CONNECTIONS = 128;
const SAMPLE_MS = 2_000;
const REPORT_EVERY = 15;
const MB_MAX = 300;
/** Of the resident size, which goes up and down by as much between two collections. */
const GROWTH_MB_MAX = 10;

/**
 * The memory of a gateway that is started as `npm start` starts it: first at the peak of live `oda` taps, then under a steady load for the
 * rest of the time, settling behind. What grows shows in the medians of the second and the last third.
 */
export async function runMemory(order: MemoryOrder): Promise<readonly Figure[]> {
  const server = await LimitsServer.start(order.databaseUrl);
  const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-records-'));
  const driver = new Child('drive-process.ts');
  const gateway = new Child('gateway-process.ts', GATEWAY);
  try {
    const cardsMax = CARDS_PER_MINUTE * order.minutes;
    const files = await prepareRecords({
      ...order,
      ...{ folder, rail: 'oda', cardsMax, budgetMs: cardsMax * MS_PER_CARD },
    });
    const groups = [files.cold, files.warm];
    const loaded = await driver.ask<number[]>('load', { groups } satisfies LoadOrder);
    const taps = loaded.reduce((sum, group) => sum + group, 0);
    const databaseUrl = await server.freshDatabase(order.jurisdiction, NOW_MS);
    const start: GatewayStart = {
      ...{ databaseUrl, jurisdiction: order.jurisdiction, nowMs: NOW_MS },
      ...{ issuerHosted: false, settles: true },
    };
    const port = await gateway.ask<number>('start', start);
    const usual = { port, connections: CONNECTIONS, budgetMs: null, sendsAgain: false };
    const peak = await driver.ask<Driven>('live', {
      ...{ ...usual, from: 0, count: Math.floor(taps / 4), ratePerS: null, secondsMax: PEAK_SECONDS },
    } satisfies LiveOrder);
    const { rssBytes } = await gateway.ask<GatewayCounts>('counts');
    order.onProgress(`at its peak, ${perS(peak).toFixed(0)} taps/s: ${mb(rssBytes)}`);

    const seconds = order.minutes * 60 - PEAK_SECONDS;
    const left = taps - peak.sent;
    const steady = driver.ask<Driven>('live', {
      ...{ ...usual, from: peak.sent, count: left, ratePerS: left / seconds, secondsMax: seconds + 10 },
    } satisfies LiveOrder);
    const samples = await sampled(gateway, steady, order.onProgress);
    const driven = await steady;
    return figuresOf({ peakBytes: rssBytes, samples, peak, driven });
  } finally {
    await gateway.end();
    await driver.end();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The resident size every SAMPLE_MS until the load is over, bytes. */
async function sampled(
  gateway: Child,
  load: Promise<unknown>,
  onProgress: MemoryOrder['onProgress'],
): Promise<number[]> {
  const samples: number[] = [];
  const isOver = load.then(
    () => true,
    () => true,
  );
  while (!(await Promise.race([isOver, pause(SAMPLE_MS, false)]))) {
    const { rssBytes } = await gateway.ask<GatewayCounts>('counts');
    samples.push(rssBytes);
    if (samples.length % REPORT_EVERY === 0)
      onProgress(`after ${((samples.length * SAMPLE_MS) / 1_000).toFixed(0)} s: ${mb(rssBytes)}`);
  }
  return samples;
}

type Measured = {
  readonly peakBytes: number;
  readonly samples: readonly number[];
  readonly peak: Driven;
  readonly driven: Driven;
};

function figuresOf({ peakBytes, samples, peak, driven }: Measured): readonly Figure[] {
  const third = Math.floor(samples.length / 3);
  const second = percentile(samples.slice(third, 2 * third), 50) / 1e6;
  const last = percentile(samples.slice(2 * third), 50) / 1e6;
  const most = Math.max(peakBytes, ...samples) / 1e6;
  return [
    { name: 'taps at the peak', value: perS(peak), unit: '/s' },
    { name: 'taps after it', value: perS(driven), unit: '/s' },
    { name: 'for', value: (peak.seconds + driven.seconds) / 60, unit: 'min' },
    { name: 'taps not accepted', value: missed(peak) + missed(driven), unit: '', atMost: 0 },
    { name: 'memory at the peak', value: peakBytes / 1e6, unit: 'MB', atMost: MB_MAX },
    { name: 'most memory at any time', value: most, unit: 'MB', atMost: MB_MAX },
    { name: 'memory, median of the second third', value: second, unit: 'MB' },
    { name: 'memory, median of the last third', value: last, unit: 'MB' },
    { name: 'growth between them', value: last - second, unit: 'MB', atMost: GROWTH_MB_MAX },
  ];
}

const missed = ({ sent, accepted }: Driven): number => sent - accepted;
const perS = ({ accepted, seconds }: Driven): number => accepted / seconds;
const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
