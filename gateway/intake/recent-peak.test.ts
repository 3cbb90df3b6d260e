import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentPeak } from './recent-peak.ts';

test('a peak is remembered for a tenth of a second at least, and for two at most', () => {
  const recent = new RecentPeak();
  assert.equal(recent.peak(0), 0);
  recent.note(90, 10);
  recent.note(3, 20);
  assert.equal(recent.peak(99), 90);
  assert.equal(recent.peak(150), 90);
  recent.note(7, 199);
  assert.equal(recent.peak(260), 7);
  assert.equal(recent.peak(900), 0);
});
