import { loadCalendar } from '@tapgate/gateway/calendar/load-calendar';
import { loadClearingProfiles } from '@tapgate/gateway/clearing/load-clearing-profiles';
import { closeDay } from '@tapgate/gateway/jobs/close-day';
import { closingThreads } from '@tapgate/gateway/jobs/closing-threads';
import { openDatabase } from '@tapgate/gateway/store/connection';
import { dataKeyOf, FIXTURE_KEYS } from '@tapgate/gateway/store/settled-day.fixture';
import { isoDate } from '@tapgate/sdk/wire/identifiers';

// Closes one day in a process of its own, so that its memory is the memory of closing; prints what it took as JSON, and batches on stderr
// as they are made. CLOSING_THREADS=0 or a number in place of what `npm run clearing` would choose.
// The URL holds a password, and arguments are open to everybody on the machine.
const databaseUrl = process.env['DATABASE_URL'] ?? '';
const [outDir = '', clearingDate = ''] = process.argv.slice(2);
const asked = process.env['CLOSING_THREADS'];
const threads = {
  ...closingThreads(databaseUrl),
  ...(asked === undefined ? {} : { count: Number(asked), fromJourneys: 0 }),
};
const database = await openDatabase(databaseUrl);
const started = performance.now();
const cpuBefore = process.cpuUsage();
const closed = await closeDay(
  {
    database,
    keys: FIXTURE_KEYS,
    dataKeyOf,
    calendar: loadCalendar(),
    profiles: loadClearingProfiles(),
    outDir,
    threads,
    reached: (step, batch) => {
      if (step !== 'control_written' || batch === null) return;
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      process.stderr.write(`  ${batch.party} ${batch.kind} after ${seconds} s\n`);
    },
  },
  { clearingDate: isoDate(clearingDate), cutAtMs: Date.parse(`${clearingDate}T16:00:00Z`) },
);
const seconds = (performance.now() - started) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
if ('code' in closed) throw new Error(closed.code);
await database.close();
const { batches } = closed;
const sumOf = (of: (batch: (typeof batches)[number]) => number): number =>
  batches.reduce((sum, batch) => sum + of(batch), 0);
console.log(
  JSON.stringify({
    seconds,
    cpuSeconds: (user + system) / 1e6,
    residentMb: process.resourceUsage().maxRSS / 1024,
    records: sumOf((batch) => batch.records),
    totalFen: sumOf((batch) => batch.totalFen),
    withheld: sumOf((batch) => batch.withheld.records),
  }),
);
