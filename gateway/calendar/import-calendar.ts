import { z } from 'zod';
import { addDays, findCivilDay, formatCivilDay, type CivilDay } from './civil-day.ts';
import {
  calendarFileSchema,
  compileCalendar,
  type CalendarFile,
  type CalendarProblem,
} from './calendar-file.ts';

/**
 * What can be imported: a calendar file of our own; day kinds by date with the years that they cover; or one year's days with
 * an off-day flag, as public lists of the notices have them.
 */
const dayKindsSchema = z.looseObject({
  years: z.array(z.int()).min(1),
  days: z.record(z.string(), z.enum(['rest', 'work'])),
});
const yearListSchema = z.looseObject({
  year: z.int(),
  days: z.array(z.looseObject({ date: z.string(), isOffDay: z.boolean() })).min(1),
});

export type ImportedDays = {
  /** years that become covered */
  readonly years: readonly number[];
  readonly days: ReadonlyMap<string, 'rest' | 'work'>;
  readonly notices: CalendarFile['years'][number]['notices'];
};

export type ImportResult =
  | {
      readonly file: CalendarFile;
      readonly added: readonly number[];
      readonly changedDates: readonly string[];
    }
  | { readonly problems: readonly CalendarProblem[] };

/**
 * Merges imported days into a calendar. A year that is not yet covered is added; a date of a covered year may be added (a notice
 * speaks of the last days of the year before), but one that says otherwise than the calendar is a conflict, and so is a hole
 * between the years. All or nothing; the merged calendar is a new version.
 *
 * @param origin what the notice entry says of where the days came from
 */
export function mergeCalendar(current: CalendarFile, raw: unknown, origin: string): ImportResult {
  const imported = readImported(raw, origin);
  if ('problems' in imported) return imported;
  const known = daysOf(current);
  const problems: CalendarProblem[] = [];
  const changed: string[] = [];
  const merged = new Map(known);
  const years = new Set(current.years.map((y) => y.year));
  const added = imported.years.filter((year) => !years.has(year));
  for (const year of added) {
    years.add(year);
    // Lists of a year whose notice is not out yet exist and are empty: covering the year by them would be a guess.
    const holiday = [...imported.days].some(
      ([date, kind]) => kind === 'rest' && date.startsWith(`${String(year)}-`),
    );
    if (!holiday) problems.push({ path: String(year), reason: 'names no holiday: the notice is not in it' });
  }
  for (const [date, kind] of imported.days) {
    const day = findCivilDay(date);
    if (day === null) problems.push({ path: date, reason: 'not an existing YYYY-MM-DD date' });
    else if (!years.has(Number(date.slice(0, 4))))
      problems.push({ path: date, reason: 'is in no covered year' });
    else if (known.has(date) && known.get(date) !== kind) {
      problems.push({
        path: date,
        reason: `conflict: the calendar says ${String(known.get(date))}, the file ${kind}`,
      });
    } else if (!known.has(date) && !isOrdinaryWork(day, kind)) {
      merged.set(date, kind);
      if (!added.includes(Number(date.slice(0, 4)))) changed.push(date);
    }
  }
  if (problems.length > 0) return { problems };
  const file = rebuild(current, merged, [...years].sort(), imported.notices);
  if (added.length === 0 && changed.length === 0) return { file: current, added: [], changedDates: [] };
  const compiled = compileCalendar(file);
  return 'problems' in compiled ? compiled : { file, added, changedDates: changed };
}

function readImported(
  raw: unknown,
  origin: string,
): ImportedDays | { readonly problems: readonly CalendarProblem[] } {
  const unnumbered = [
    { number: null, numberMark: 'unsure' as const, issued: null, note: `imported from ${origin}` },
  ];
  const own = calendarFileSchema.safeParse(raw);
  if (own.success) {
    return {
      years: own.data.years.map((y) => y.year),
      days: daysOf(own.data),
      notices: own.data.years.flatMap((y) => y.notices),
    };
  }
  const kinds = dayKindsSchema.safeParse(raw);
  if (kinds.success)
    return { years: kinds.data.years, days: new Map(Object.entries(kinds.data.days)), notices: unnumbered };
  const list = yearListSchema.safeParse(raw);
  if (list.success) {
    const days = new Map(
      list.data.days.map((d) => [d.date, d.isOffDay ? ('rest' as const) : ('work' as const)]),
    );
    return { years: [list.data.year], days, notices: unnumbered };
  }
  const issues = typeof raw === 'object' && raw !== null && 'schema' in raw ? own.error.issues : [];
  if (issues.length > 0)
    return { problems: issues.map((i) => ({ path: i.path.join('.'), reason: i.message })) };
  return {
    problems: [
      { path: '', reason: 'neither a calendar file, nor day kinds with years, nor one year of days' },
    ],
  };
}

/** Monday to Friday worked is what it would be anyway; some lists name such a day. */
function isOrdinaryWork(day: CivilDay, kind: 'rest' | 'work'): boolean {
  const index = (((day + 4) % 7) + 7) % 7;
  return kind === 'work' && index >= 1 && index <= 5;
}

function daysOf(file: CalendarFile): Map<string, 'rest' | 'work'> {
  const days = new Map<string, 'rest' | 'work'>();
  for (const year of file.years) {
    for (const span of year.rest) {
      const [from = '', to = from] = span.split('..');
      const first = findCivilDay(from);
      const last = findCivilDay(to);
      if (first === null || last === null) continue;
      for (let day = first; day <= last; day = addDays(day, 1)) days.set(formatCivilDay(day), 'rest');
    }
    for (const date of year.work) days.set(date, 'work');
  }
  return days;
}

function rebuild(
  current: CalendarFile,
  days: ReadonlyMap<string, 'rest' | 'work'>,
  years: readonly number[],
  notices: ImportedDays['notices'],
): CalendarFile {
  const datesOf = (year: number, kind: 'rest' | 'work'): string[] =>
    [...days]
      .filter(([date, k]) => k === kind && date.startsWith(`${String(year)}-`))
      .map(([date]) => date)
      .sort();
  return {
    ...current,
    version: current.version + 1,
    years: years.map((year) => ({
      year,
      notices: current.years.find((y) => y.year === year)?.notices ?? notices,
      rest: spansOf(datesOf(year, 'rest')),
      work: datesOf(year, 'work'),
    })),
  };
}

function spansOf(dates: readonly string[]): string[] {
  const spans: { from: string; to: string }[] = [];
  for (const date of dates) {
    const last = spans[spans.length - 1];
    const before = last && findCivilDay(last.to);
    if (last && before !== null && before !== undefined && formatCivilDay(addDays(before, 1)) === date)
      last.to = date;
    else spans.push({ from: date, to: date });
  }
  return spans.map((s) => (s.from === s.to ? s.from : `${s.from}..${s.to}`));
}
