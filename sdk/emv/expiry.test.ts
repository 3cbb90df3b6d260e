import assert from 'node:assert/strict';
import test from 'node:test';
import { isIsoDate } from '../wire/identifiers.ts';
import { bcdFromDigits } from './bcd.ts';
import { lastDayOfMonthMmyy, lastDayOfMonthYymm, parseCardDate } from './expiry.ts';
import { bytesFromHex } from './hex.ts';

test('a month of a certificate ends on its last day, leap years included', () => {
  for (const [mmyy, lastDay] of [
    ['1230', '2030-12-31'],
    ['0224', '2024-02-29'],
    ['0225', '2025-02-28'],
    ['0426', '2026-04-30'],
    ['0149', '2049-01-31'],
    ['0150', '1950-01-31'],
    ['1199', '1999-11-30'],
  ] as const) {
    assert.equal(lastDayOfMonthMmyy(bytesFromHex(mmyy)), lastDay);
    assert.equal(lastDayOfMonthYymm(mmyy.slice(2) + mmyy.slice(0, 2)), lastDay);
  }
});

test('a month or day that does not exist is no date', () => {
  for (const mmyy of ['0030', '1330', 'FF30', '12', '123030']) {
    assert.equal(lastDayOfMonthMmyy(bytesFromHex(mmyy)), null);
  }
  for (const date of ['300231', '250229', '301301', '300100', '30013A', '3001']) {
    assert.equal(parseCardDate(bytesFromHex(date)), null);
  }
  assert.equal(parseCardDate(bytesFromHex('240229')), '2024-02-29');
  assert.equal(lastDayOfMonthYymm('30'), null);
});

test('every six digits are a date exactly when the calendar has it', () => {
  for (let month = 0; month <= 13; month++) {
    for (let day = 0; day <= 32; day++) {
      for (const year of [0, 23, 24, 49, 50, 96, 99]) {
        const [yy, mm, dd] = [year, month, day].map((part) => String(part).padStart(2, '0'));
        const text = `${year < 50 ? '20' : '19'}${yy ?? ''}-${mm ?? ''}-${dd ?? ''}`;
        const parsed = parseCardDate(bcdFromDigits(`${yy ?? ''}${mm ?? ''}${dd ?? ''}`, 3));
        assert.equal(parsed, isIsoDate(text) ? text : null);
      }
    }
  }
});
