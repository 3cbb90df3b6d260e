import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { missing } from '../test-requirements.ts';
import { runMorningPeak } from './morning-peak-run.ts';

type Metric = {
  readonly count?: number;
  readonly value?: number;
  readonly passes?: number;
  readonly fails?: number;
};

test(
  'k6 drives the live path with distinct real records, and every one is accepted',
  { skip: missing('k6') },
  async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-k6-test-'));
    try {
      const summaryFile = path.join(folder, 'summary.json');
      // How fast it is on this machine is for the bench to say: the exit code, which judges latency too, is not asked here.
      await runMorningPeak({ ratePerS: 20, seconds: 3, summaryFile, onProgress: () => undefined });
      const { metrics } = JSON.parse(readFileSync(summaryFile, 'utf8')) as {
        metrics: Record<string, Metric>;
      };
      assert.equal(metrics['checks']?.fails, 0);
      assert.ok((metrics['taps_accepted']?.count ?? 0) >= 59);
      assert.equal(metrics['taps_accepted']?.count, metrics['http_reqs']?.count);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
