import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { loadClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { openDatabase } from '../store/connection.ts';
import { dataKeyOf, FIXTURE_KEYS } from '../store/settled-day.fixture.ts';
import { buildDay, closeDay } from './close-day.ts';
import type { ClosingDependencies } from './closing.ts';

// A process that closes or builds a day and is killed by itself, with SIGKILL, when it has reached a step for the n-th time. Nothing is
// flushed, closed or told to the database: what it leaves is what a crash leaves.

const [work, databaseUrl = '', outDir = '', clearingDate = '', cutAtMs, fatalStep, fatalTime, threads] =
  process.argv.slice(2);

let times = 0;
const database = await openDatabase(databaseUrl);
const dependencies: ClosingDependencies = {
  database,
  keys: FIXTURE_KEYS,
  dataKeyOf,
  calendar: loadCalendar(),
  profiles: loadClearingProfiles(),
  outDir,
  threads: { databaseUrl, count: Number(threads), fromJourneys: 0 },
  reached: (step) => {
    if (step !== fatalStep) return;
    times += 1;
    if (times === Number(fatalTime)) process.kill(process.pid, 'SIGKILL');
  },
};
const date = isoDate(clearingDate);
if (work === 'close') await closeDay(dependencies, { clearingDate: date, cutAtMs: Number(cutAtMs) });
else await buildDay(dependencies, { clearingDate: date });
await database.close();
