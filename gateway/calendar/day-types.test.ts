import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { missing, SHARED_FOLDER } from '../../test-requirements.ts';
import { calendarStatus } from './calendar-status.ts';
import { compileCalendar, type CalendarFile } from './calendar-file.ts';
import {
  addDays,
  civilDay,
  dateNumber,
  findCivilDay,
  findDateNumber,
  formatCivilDay,
  hasReachedAge,
  type CivilDay,
} from './civil-day.ts';
import { calendarWeekday, dayTypeOf, publicHoliday, statutoryWorkingDay } from './day-types.ts';
import { mergeCalendar } from './import-calendar.ts';
import { CALENDAR_FILE, loadCalendar, loadCalendarFile } from './load-calendar.ts';
import { instantOf, wallTime, zoneClock } from './zone-clock.ts';

const VECTOR = path.join(SHARED_FOLDER, 'vectors/cn-daytypes-2008-2026.json');
const skip = missing('shared');
const calendar = loadCalendar();

test('every day of 2008 to 2026 has the type that the published list gives it', { skip }, () => {
  const list = JSON.parse(readFileSync(VECTOR, 'utf8')) as {
    years: number[];
    days: Record<string, 'rest' | 'work'>;
  };
  let days = 0;
  for (const year of list.years) {
    for (let ms = Date.UTC(year, 0, 1); ms < Date.UTC(year + 1, 0, 1); ms += 86_400_000) {
      const date = new Date(ms).toISOString().slice(0, 10);
      const weekend = [0, 6].includes(new Date(ms).getUTCDay());
      const kind = list.days[date] ?? (weekend ? 'off' : 'work');
      const expected =
        kind === 'rest'
          ? 'public_holiday_rest'
          : kind === 'off'
            ? 'weekend'
            : weekend
              ? 'adjusted_working_day'
              : 'weekday';
      assert.equal(dayTypeOf(calendar, civilDay(date)), expected, date);
      days += 1;
    }
  }
  assert.equal(days, 6940);
});

test('the three predicates are three', () => {
  const rows: [string, boolean, boolean, boolean][] = [
    // date, calendar weekday, statutory working day, public holiday
    ['2026-03-17', true, true, false],
    ['2026-03-21', false, false, false],
    ['2026-02-17', true, false, true],
    ['2026-02-15', false, false, true],
    ['2026-02-14', false, true, false],
    ['2015-09-03', true, false, true],
    ['2015-09-06', false, true, false],
  ];
  for (const [date, weekday, working, holiday] of rows) {
    const day = civilDay(date);
    assert.deepEqual(
      [calendarWeekday(day), statutoryWorkingDay(calendar, day), publicHoliday(calendar, day)],
      [weekday, working, holiday],
      date,
    );
  }
});

test('outside its years the calendar says so and never guesses', () => {
  for (const date of ['2007-12-31', '2027-01-01', '2027-10-01']) {
    const uncovered = { code: 'calendar_uncovered', calendarId: 'cn', date };
    assert.deepEqual(dayTypeOf(calendar, civilDay(date)), uncovered);
    assert.deepEqual(statutoryWorkingDay(calendar, civilDay(date)), uncovered);
    assert.deepEqual(publicHoliday(calendar, civilDay(date)), uncovered);
  }
  assert.equal(calendarWeekday(civilDay('2027-10-01')), true);
});

test('the end is warned of from sixty days before it', () => {
  const rows = [
    ['2007-12-31', 'not_begun', 6941],
    ['2026-11-01', 'covered', 61],
    ['2026-11-02', 'ending', 60],
    ['2026-12-31', 'ending', 1],
    ['2027-01-01', 'ended', 0],
  ] as const;
  for (const [date, state, left] of rows) {
    const status = calendarStatus(calendar, civilDay(date));
    assert.deepEqual([status.state, status.daysLeft], [state, left], date);
  }
});

const ONE_YEAR: CalendarFile = {
  schema: 'tapgate-calendar/1',
  id: 'x',
  version: 1,
  name: { zh: '一', en: 'one' },
  source: 'own',
  zone: 'Asia/Shanghai',
  years: [
    {
      year: 2030,
      notices: [{ number: null, numberMark: 'unsure', issued: null }],
      rest: ['2030-01-01'],
      work: ['2030-01-05'],
    },
  ],
};
const yearOf = (more: Partial<CalendarFile['years'][number]>): CalendarFile['years'][number] => {
  const year = ONE_YEAR.years[0];
  assert.ok(year);
  return { ...year, ...more };
};

test('a calendar that does not hold together is refused with the place of the fault', () => {
  const rows: [CalendarFile['years'], string][] = [
    [[yearOf({}), yearOf({ year: 2032, rest: [], work: [] })], 'years[1].year: 2032 does not follow 2030'],
    [[yearOf({ rest: ['2029-12-31'] })], 'years[0].rest[0]: 2029-12-31 is not in 2030'],
    [[yearOf({ rest: ['2030-01-01', '2030-01-01'] })], 'years[0].rest[1]: 2030-01-01 is listed twice'],
    [
      [yearOf({ work: ['2030-01-04'] })],
      'years[0].work[0]: 2030-01-04 is Monday to Friday: not a make-up day',
    ],
  ];
  for (const [years, said] of rows) {
    const compiled = compileCalendar({ ...ONE_YEAR, years });
    assert.ok('problems' in compiled);
    assert.equal(`${compiled.problems[0]?.path ?? ''}: ${compiled.problems[0]?.reason ?? ''}`, said);
  }
});

test('an import adds years and late days, and refuses what contradicts the calendar', () => {
  const current = loadCalendarFile(CALENDAR_FILE);
  const next = mergeCalendar(
    current,
    { years: [2027], days: { '2027-01-01': 'rest', '2026-12-27': 'work' } },
    'next.json',
  );
  assert.ok('file' in next);
  assert.deepEqual(
    [next.added, next.changedDates, next.file.version],
    [[2027], ['2026-12-27'], current.version + 1],
  );
  const compiled = compileCalendar(next.file);
  assert.ok('calendar' in compiled);
  assert.equal(dayTypeOf(compiled.calendar, civilDay('2027-01-01')), 'public_holiday_rest');
  assert.equal(dayTypeOf(compiled.calendar, civilDay('2027-01-02')), 'weekend');

  const list = mergeCalendar(
    current,
    { year: 2027, days: [{ name: 'x', date: '2027-01-01', isOffDay: true }] },
    'list.json',
  );
  assert.ok('file' in list);
  assert.deepEqual(list.added, [2027]);

  const refused: [unknown, RegExp][] = [
    [{ years: [2026], days: { '2026-02-14': 'rest' } }, /conflict/],
    [{ years: [2028], days: { '2028-01-01': 'rest' } }, /does not follow/],
    [{ years: [2027], days: { '2027-02-30': 'rest' } }, /not an existing/],
    [{ years: [2027], days: { '2029-01-01': 'rest' } }, /no covered year/],
    [{ years: [2027], days: { '2026-12-27': 'work' } }, /names no holiday/],
    [{ schema: 'tapgate-calendar/1', id: 'cn' }, /expected/i],
    ['text', /neither/],
  ];
  for (const [raw, reason] of refused) {
    const result = mergeCalendar(current, raw, 'bad.json');
    assert.ok('problems' in result, JSON.stringify(raw));
    assert.match(result.problems.map((p) => p.reason).join('; '), reason);
  }
  const same = mergeCalendar(current, { years: [2026], days: { '2026-02-14': 'work' } }, 'same.json');
  assert.ok('file' in same && same.file === current);
});

test('an age is reached on the birthday, and on 1 March by who is born on 29 February', () => {
  const rows: [string, number, string, boolean][] = [
    ['1946-05-01', 70, '2016-04-30', false],
    ['1946-05-01', 70, '2016-05-01', true],
    ['1948-02-29', 70, '2018-02-28', false],
    ['1948-02-29', 70, '2018-03-01', true],
    ['1948-02-29', 72, '2020-02-28', false],
    ['1948-02-29', 72, '2020-02-29', true],
  ];
  for (const [birth, years, date, reached] of rows) {
    const birthNumber = findDateNumber(birth);
    assert.ok(birthNumber !== null);
    assert.equal(hasReachedAge(birthNumber, years, dateNumber(civilDay(date))), reached, `${birth} ${date}`);
  }
});

test('days are read and written exactly', () => {
  for (const text of ['2026-02-29', '2026-13-01', '26-01-01', '2026-1-01', ''])
    assert.equal(findCivilDay(text), null);
  for (let day = 0; day < 40_000; day += 13) {
    const at = day as CivilDay;
    assert.equal(civilDay(formatCivilDay(at)), at);
    assert.equal(addDays(at, 1) - at, 1);
  }
});

test('wall clocks follow the zone through its changes', () => {
  const rows: [string, string, string, number][] = [
    ['Asia/Shanghai', '2026-03-17T08:00:00+08:00', '2026-03-17', 8 * 3_600_000],
    ['Asia/Shanghai', '1990-07-01T08:00:00+09:00', '1990-07-01', 8 * 3_600_000],
    ['Europe/London', '2023-05-16T04:30:00+01:00', '2023-05-16', 4.5 * 3_600_000],
    ['Europe/London', '2023-03-26T00:59:59Z', '2023-03-26', 3_599_000],
    ['Europe/London', '2023-03-26T01:00:00Z', '2023-03-26', 2 * 3_600_000],
    ['Europe/London', '2023-10-29T00:59:59Z', '2023-10-29', 2 * 3_600_000 - 1000],
    ['Europe/London', '2023-10-29T01:00:00Z', '2023-10-29', 3_600_000],
    ['Asia/Kolkata', '2026-01-01T00:00:00+05:30', '2026-01-01', 0],
  ];
  for (const [zone, instant, date, msOfDay] of rows) {
    const wall = wallTime(zoneClock(zone), Date.parse(instant));
    assert.deepEqual([formatCivilDay(wall.day), wall.msOfDay], [date, msOfDay], instant);
  }
  const london = zoneClock('Europe/London');
  assert.equal(
    instantOf(london, civilDay('2023-07-01'), 4.5 * 3_600_000),
    Date.parse('2023-07-01T04:30:00+01:00'),
  );
  assert.throws(() => zoneClock('Mars/Olympus'), RangeError);
});
