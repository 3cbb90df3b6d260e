import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { CALENDAR_FILE, loadCalendar } from '../calendar/load-calendar.ts';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { buildRuleBook, isRuleSetFile, JURISDICTIONS_FOLDER, readRuleSet, usable } from './load-rule-sets.ts';
import type { RuleBook } from './rule-book.ts';

/** What fares rest on, as files say it. */
export type Rules = { readonly calendar: DayTypeCalendar; readonly ruleBook: RuleBook };

/** Where it stands. */
export type RulesFiles = { readonly calendarFile: string; readonly jurisdictionsFolder: string };

export const SHIPPED_RULES: RulesFiles = {
  calendarFile: CALENDAR_FILE,
  jurisdictionsFolder: JURISDICTIONS_FOLDER,
};

/** Tells one state of the files from another: their names, lengths and times of change. */
export async function readRulesMark(files: RulesFiles = SHIPPED_RULES): Promise<string> {
  const names = [files.calendarFile, ...(await ruleSetFilesOf(files.jurisdictionsFolder))];
  const marks = await Promise.all(
    names.map(async (name) => {
      const { size, mtimeMs } = await stat(name);
      return `${name} ${size} ${mtimeMs}`;
    }),
  );
  return marks.join('\n');
}

/**
 * Reads calendar and rule sets beside other work: a file at a time, `takeTurn` before each. All or nothing.
 *
 * @throws RuleSetsUnusable; Error naming the file and the reason
 */
export async function loadRulesInTurns(
  takeTurn: () => Promise<void>,
  files: RulesFiles = SHIPPED_RULES,
): Promise<Rules> {
  const calendar = loadCalendar(files.calendarFile);
  const read: ReturnType<typeof readRuleSet>[] = [];
  for (const name of await ruleSetFilesOf(files.jurisdictionsFolder)) {
    const text = await readFile(name, 'utf8');
    await takeTurn();
    read.push(readRuleSet(text, path.relative(files.jurisdictionsFolder, name)));
  }
  await takeTurn();
  return { calendar, ruleBook: buildRuleBook(usable(read), calendar) };
}

async function ruleSetFilesOf(folder: string): Promise<string[]> {
  const found = await readdir(folder, { withFileTypes: true });
  const cities = found.filter((entry) => entry.isDirectory()).map((entry) => path.join(folder, entry.name));
  const files = await Promise.all(
    cities.map(async (city) =>
      (await readdir(city)).filter(isRuleSetFile).map((name) => path.join(city, name)),
    ),
  );
  return files.flat().sort();
}
