import { z } from 'zod';
import { addDays, findCivilDay, formatCivilDay, weekdayIndex, type CivilDay } from './civil-day.ts';
import type { DayTypeCalendar } from './day-types.ts';

const isoDay = z.string().refine((text) => findCivilDay(text) !== null, 'not an existing YYYY-MM-DD date');

/** "2026-02-15" or "2026-02-15..2026-02-23", both ends included. */
const daySpan = z
  .string()
  .refine((text) => spanOf(text) !== null, 'not YYYY-MM-DD or YYYY-MM-DD..YYYY-MM-DD');

const mark = z.enum(['sure', 'likely', 'unsure']);

const notice = z.strictObject({
  /** the number under which the notice was issued; null where it is not at hand */
  number: z.string().min(1).nullable(),
  numberMark: mark,
  issued: isoDay.nullable(),
  note: z.string().optional(),
});

/** One calendar file: its coverage is exactly the years that it lists, and they must follow one another. */
export const calendarFileSchema = z.strictObject({
  schema: z.literal('tapgate-calendar/1'),
  id: z.string().regex(/^[a-z][a-z0-9-]*$/),
  version: z.int().positive(),
  name: z.strictObject({ zh: z.string().min(1), en: z.string().min(1) }),
  source: z.string().min(1),
  /** where its days begin and end */
  zone: z.string().min(1),
  years: z
    .array(
      z.strictObject({
        year: z.int().min(1990).max(2100),
        notices: z.array(notice).min(1),
        /** public holidays and rest days in lieu that fall in this year */
        rest: z.array(daySpan),
        /** Saturdays and Sundays worked in exchange */
        work: z.array(isoDay),
      }),
    )
    .min(1),
});
export type CalendarFile = z.infer<typeof calendarFileSchema>;

export type CalendarProblem = { readonly path: string; readonly reason: string };

/**
 * Compiles a calendar, or names what is wrong: years out of order or with a hole, a day of another year, a day listed twice, a
 * make-up day that is Monday to Friday.
 */
export function compileCalendar(
  file: CalendarFile,
): { readonly calendar: DayTypeCalendar } | { readonly problems: readonly CalendarProblem[] } {
  const problems: CalendarProblem[] = [];
  const exceptions = new Map<CivilDay, 'rest' | 'work'>();
  const claim = (day: CivilDay, kind: 'rest' | 'work', year: number, path: string): void => {
    const text = formatCivilDay(day);
    if (!text.startsWith(`${String(year)}-`))
      problems.push({ path, reason: `${text} is not in ${String(year)}` });
    else if (exceptions.has(day)) problems.push({ path, reason: `${text} is listed twice` });
    else if (kind === 'work' && weekdayIndex(day) >= 1 && weekdayIndex(day) <= 5) {
      problems.push({ path, reason: `${text} is Monday to Friday: not a make-up day` });
    } else exceptions.set(day, kind);
  };
  file.years.forEach((entry, index) => {
    const before = file.years[index - 1];
    if (before && entry.year !== before.year + 1) {
      problems.push({ path: `years[${index}].year`, reason: `${entry.year} does not follow ${before.year}` });
    }
    entry.rest.forEach((text, i) => {
      const span = spanOf(text);
      if (!span) return;
      for (let day = span.first; day <= span.last; day = addDays(day, 1)) {
        claim(day, 'rest', entry.year, `years[${index}].rest[${i}]`);
      }
    });
    entry.work.forEach((text, i) => {
      const day = findCivilDay(text);
      if (day !== null) claim(day, 'work', entry.year, `years[${index}].work[${i}]`);
    });
  });
  const first = file.years[0];
  const last = file.years[file.years.length - 1];
  const firstDay = first ? findCivilDay(`${String(first.year)}-01-01`) : null;
  const lastDay = last ? findCivilDay(`${String(last.year)}-12-31`) : null;
  if (problems.length > 0 || firstDay === null || lastDay === null) return { problems };
  return { calendar: { id: file.id, version: file.version, firstDay, lastDay, exceptions } };
}

function spanOf(text: string): { first: CivilDay; last: CivilDay } | null {
  const [from, to, ...more] = text.split('..');
  if (from === undefined || more.length > 0) return null;
  const first = findCivilDay(from);
  const last = to === undefined ? first : findCivilDay(to);
  return first === null || last === null || last < first ? null : { first, last };
}
