import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { SettlingPace } from './settling-pace.ts';

test('settling that has its process to itself rests for nobody', () => {
  assert.equal(new SettlingPace().restPerSlice, 0);
});

test('the more taps wait, the more slices are theirs; a rush of more than half a minute gives settling its share back', () => {
  let [waiting, nowMs] = [0, 0];
  const pace = new SettlingPace(
    () => waiting,
    () => nowMs,
  );
  assert.equal(pace.restPerSlice, 0);
  waiting = 32;
  assert.equal(pace.restPerSlice, 2);
  waiting = 33;
  assert.equal(pace.restPerSlice, 31);
  nowMs = 29_999;
  assert.equal(pace.restPerSlice, 31);
  nowMs = 30_000;
  assert.equal(pace.restPerSlice, 2);
  pace.took(63, 64);
  assert.equal(pace.restPerSlice, 31);
  nowMs = 60_000;
  assert.equal(pace.restPerSlice, 2);
});

test('transactions are short while somebody waits, longer while nobody does, and longest where settling is alone', () => {
  let [waiting, nowMs] = [0, 0];
  const pace = new SettlingPace(
    () => waiting,
    () => nowMs,
  );
  assert.equal(pace.batch, 512);
  waiting = 1;
  assert.equal(pace.batch, 20);
  waiting = 33;
  assert.equal(pace.batch, 64);
  // Behind for half a minute: short ones would not catch up with a gate that is always busy.
  [waiting, nowMs] = [32, 30_000];
  assert.equal(pace.batch, 64);
  pace.took(63, 64);
  assert.equal(pace.batch, 20);
  assert.equal(new SettlingPace().batch, 1_000);
});

test('it has caught up when a transaction found fewer taps than it asked for', () => {
  const pace = new SettlingPace(() => 1);
  assert.equal(pace.isCaughtUp, false);
  pace.took(63, 64);
  assert.equal(pace.isCaughtUp, true);
  pace.took(64, 64);
  assert.equal(pace.isCaughtUp, false);
});

test('a rest after a transaction ends with the rush', async () => {
  let [waiting, nowMs] = [40, 0];
  const pace = new SettlingPace(
    () => waiting,
    () => nowMs,
  );
  const rest = pace.restAfter(128);
  assert.equal(await Promise.race([rest.then(() => 'over'), setTimeout(120, 'resting')]), 'resting');
  nowMs = 700;
  waiting = 0;
  await rest;
});

test('a slice is over after three milliseconds, and the next begins when a turn has been taken', async () => {
  let nowMs = 0;
  const pace = new SettlingPace(
    () => 0,
    () => nowMs,
  );
  nowMs = 2.9;
  assert.equal(pace.isTurnOver(), false);
  nowMs = 3;
  assert.equal(pace.isTurnOver(), true);
  await pace.takeTurn();
  assert.equal(pace.isTurnOver(), false);
});
