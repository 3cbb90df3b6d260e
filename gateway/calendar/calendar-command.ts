// npm run calendar -- status [--on YYYY-MM-DD]       what the calendar covers; warns from 60 days before its end
// npm run calendar -- import FILE [--into FILE]      adds the years of a file; all or nothing
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { parse, stringify } from 'yaml';
import { calendarStatus, WARN_DAYS_BEFORE_END } from './calendar-status.ts';
import { civilDay } from './civil-day.ts';
import { mergeCalendar } from './import-calendar.ts';
import { CALENDAR_FILE, loadCalendar, loadCalendarFile } from './load-calendar.ts';
import { wallTime, zoneClock } from './zone-clock.ts';

const USAGE = `Usage: npm run calendar -- COMMAND

  status [--on YYYY-MM-DD]    what the calendar covers; warns from 60 days before its end
  import FILE [--into FILE]   adds the years of a file; all or nothing
  -h, --help                  this text

Exit code: 0, 1 when the calendar does not answer for the day or a file is refused, 2 for wrong usage.`;

function main(args: readonly string[]): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      on: { type: 'string' },
      into: { type: 'string', default: CALENDAR_FILE },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    console.log(USAGE);
    return 0;
  }
  const [command, file] = positionals;
  if (command === 'status' && positionals.length === 1) return showStatus(values.into, values.on);
  if (command === 'import' && file !== undefined && positionals.length === 2)
    return importFile(file, values.into);
  console.error(USAGE);
  return 2;
}

/** 0 while the calendar answers for today, also while it warns; 1 when it does not. */
function showStatus(calendarFile: string, on: string | undefined): number {
  const calendar = loadCalendar(calendarFile);
  const today =
    on === undefined
      ? wallTime(zoneClock(loadCalendarFile(calendarFile).zone), Date.now()).day
      : civilDay(on);
  const status = calendarStatus(calendar, today);
  console.log(
    `calendar ${calendar.id} version ${String(calendar.version)}: ${status.firstDate} to ${status.lastDate}, ` +
      `${String(calendar.exceptions.size)} days that differ from the ordinary week`,
  );
  switch (status.state) {
    case 'covered':
      console.log(`covered: ${String(status.daysLeft)} days left`);
      return 0;
    case 'ending':
      console.log(
        `WARNING: ${String(status.daysLeft)} days left (warned from ${String(WARN_DAYS_BEFORE_END)}): import the next year's ` +
          'notice; rides after the end whose fare depends on the kind of day are held',
      );
      return 0;
    case 'ended':
      console.log("ENDED: import this year's notice; rides whose fare depends on the kind of day are held");
      return 1;
    case 'not_begun':
      console.log('NOT COVERED: the day lies before the calendar');
      return 1;
  }
}

function importFile(file: string, into: string): number {
  const current = loadCalendarFile(into);
  const merged = mergeCalendar(current, parse(readFileSync(file, 'utf8')), path.basename(file));
  if ('problems' in merged) {
    for (const p of merged.problems) console.error(`${path.basename(file)}: ${p.path}: ${p.reason}`);
    console.error('nothing imported');
    return 1;
  }
  if (merged.added.length === 0 && merged.changedDates.length === 0) {
    console.log('nothing new: every day of the file is in the calendar already');
    return 0;
  }
  const header = readFileSync(into, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('#'))
    .join('\n');
  const draft = `${into}.${String(process.pid)}`;
  writeFileSync(draft, `${header}\n${stringify(merged.file, { lineWidth: 0 })}`);
  renameSync(draft, into);
  console.log(
    `imported: years ${merged.added.join(', ') || 'none'}; dates added to known years: ${merged.changedDates.join(', ') || 'none'}; ` +
      `version ${String(merged.file.version)}`,
  );
  return 0;
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exitCode = 2;
}
