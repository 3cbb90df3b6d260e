import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startOwnGateway } from '../scenarios/city/attach-gateway.ts';
import { k6Path } from './k6-binary.ts';
import { prepareTaps } from './prepared-taps.ts';

export type MorningPeakOrder = {
  readonly ratePerS: number;
  readonly seconds: number;
  /** k6's own summary as JSON goes here; null: none */
  readonly summaryFile: string | null;
  readonly onProgress: (line: string) => void;
};

/**
 * Morning peak with k6: starts a gateway, prepares one distinct record for each iteration, and lets k6 send them at a constant
 * rate. Thresholds are the scenario's own.
 *
 * @returns k6's exit code: 0 when every threshold holds, 99 when one does not
 * @throws Error when k6 is not there
 */
export async function runMorningPeak(order: MorningPeakOrder): Promise<number> {
  const k6 = k6Path();
  if (k6 === null) throw new Error('k6 is not installed: set K6_PATH, or see bench/README.md');
  const own = await startOwnGateway({});
  const folder = await mkdtemp(path.join(tmpdir(), 'tapgate-k6-'));
  try {
    const taps = order.ratePerS * order.seconds + order.ratePerS;
    order.onProgress(`making ${taps} taps`);
    const prepared = await prepareTaps(own, {
      ...{ taps, rail: 'oda', nowMs: Date.now(), seed: 'morning peak' },
      onProgress: () => undefined,
    });
    const records = path.join(folder, 'records.json');
    await writeFile(records, JSON.stringify(prepared));
    order.onProgress(`k6 sends ${order.ratePerS}/s for ${order.seconds} s`);
    return await runK6(k6, {
      RECORDS: records,
      BASE_URL: own.baseUrl,
      RATE_PER_S: String(order.ratePerS),
      DURATION_S: String(order.seconds),
      ...(order.summaryFile === null ? {} : { SUMMARY: order.summaryFile }),
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
    await own.detach();
  }
}

function runK6(k6: string, environment: Record<string, string>): Promise<number> {
  const scenario = path.join(import.meta.dirname, 'scenarios/morning-peak.ts');
  const { SUMMARY, ...forScenario } = environment;
  const flags = Object.entries(forScenario).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  const summary = SUMMARY === undefined ? [] : ['--summary-export', SUMMARY];
  return new Promise((resolve, reject) => {
    const child = spawn(k6, ['run', '--no-usage-report', '--quiet', ...summary, ...flags, scenario], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', reject);
    child.on('close', (code) => {
      resolve(code ?? 1);
    });
  });
}
