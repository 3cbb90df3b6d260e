import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { loadRuleBook } from '../fares/load-rule-sets.ts';
import { dateRange, endCommand, progressFormat } from '../jobs/day-range.ts';
import { atDesk } from '../jobs/open-desk.ts';
import { replayDays, storedNetwork } from '../jobs/replay-days.ts';
import { loadReferenceData } from '../store/reference-data.ts';
import { countJourneys } from '../store/stored-journeys.ts';

// `npm run replay`: prices stored days again, by the versions that priced them, and prints whatever differs.

const HELP = `Usage: npm run replay -- --from D --to D [--json]

Prices every stored journey of the service dates from D to D again: by the version of the rule set that priced it, on the facts
that its trace kept. Fare, list fare, concession, funder, claim and the whole trace must come out as they are stored.

Options:
  --from D, --to D   service dates, YYYY-MM-DD, both included
  --json             one JSON object: the counts, and every difference
  -h, --help         this text

DATA_DIR, DATABASE_URL and KEYSTORE_PASSPHRASE as for npm start. A gateway may be running.
Exit code: 0 without a difference, 1 with one (each is printed), 2 for a command that makes no sense.
`;

async function run(): Promise<number> {
  const { values } = parseArgs({
    options: {
      from: { type: 'string' },
      to: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help === true) {
    process.stdout.write(HELP);
    return 0;
  }
  const dates = dateRange(values);
  const asJson = values.json === true;
  return atDesk(async ({ database }) => {
    const calendar = loadCalendar();
    const network = storedNetwork(await loadReferenceData(database));
    const rules = { ruleBook: loadRuleBook(calendar), calendar, network };
    // A bar only where somebody watches it; a pipe gets none.
    const bar = process.stderr.isTTY
      ? new SingleBar({ format: progressFormat('replaying'), stream: process.stderr })
      : null;
    bar?.start(await countJourneys(database, dates), 0);
    if (asJson) process.stdout.write(`{"from":"${dates.from}","to":"${dates.to}","differences":[`);
    let printed = 0;
    const totals = await replayDays(database, rules, dates, {
      onProgress: (journeys) => bar?.update(journeys),
      onDifference: (journey, differences) => {
        const journeyId = journey.journeyId.toString('hex').toUpperCase();
        const { serviceDate, lineId } = journey;
        if (asJson) {
          process.stdout.write(
            `${printed === 0 ? '' : ','}${JSON.stringify({ serviceDate, journeyId, lineId, differences })}`,
          );
        } else {
          for (const { field, stored, replayed } of differences) {
            process.stdout.write(
              `${serviceDate} ${journeyId} ${lineId}: ${field} is stored as ${JSON.stringify(stored)}, replayed it is ${JSON.stringify(replayed)}\n`,
            );
          }
        }
        printed += 1;
      },
    });
    bar?.stop();
    const { journeys, same, differing, held, priceable } = totals;
    if (asJson) process.stdout.write(`],${JSON.stringify(totals).slice(1)}\n`);
    else {
      process.stdout.write(
        `${dates.from} to ${dates.to}: ${journeys} journeys, ${same} replayed the same, ${differing} differ, ${held} were held` +
          `${priceable === 0 ? '' : ` (${priceable} of them could be priced today)`}\n`,
      );
    }
    return differing === 0 ? 0 : 1;
  });
}

await endCommand('replay', run);
