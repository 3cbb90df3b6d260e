import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import { calendarFileSchema, compileCalendar, type CalendarFile } from './calendar-file.ts';
import type { DayTypeCalendar } from './day-types.ts';

export const CALENDAR_FILE = path.join(import.meta.dirname, 'day-types.yaml');

/** Reads the project's own calendar. @throws Error naming file, path and reason when it does not hold together */
export function loadCalendar(file: string = CALENDAR_FILE): DayTypeCalendar {
  const compiled = compileCalendar(loadCalendarFile(file));
  if ('problems' in compiled) {
    throw new Error(
      compiled.problems.map((p) => `${path.basename(file)}: ${p.path}: ${p.reason}`).join('\n'),
    );
  }
  return compiled.calendar;
}

/** @throws Error naming file, path and reason */
export function loadCalendarFile(file: string): CalendarFile {
  const document = parseDocument(readFileSync(file, 'utf8'), { uniqueKeys: true });
  const syntax = document.errors[0];
  if (syntax) throw new Error(`${path.basename(file)}: ${syntax.message}`);
  const parsed = calendarFileSchema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  throw new Error(
    parsed.error.issues.map((i) => `${path.basename(file)}: ${i.path.join('.')}: ${i.message}`).join('\n'),
  );
}
