// npx tsx gateway/fares/fares-bench-command.ts [JURISDICTION]     journeys priced per second on one core, traces on
import { performance } from 'node:perf_hooks';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { loadRuleBook } from './load-rule-sets.ts';
import { priceJourney } from './price-journey.ts';
import { randomJourneys, type RandomJourney } from './random-journeys.ts';

const SEED = 20261121;
const RIDES = 50_000;
const ROUNDS = 12;

const place = process.argv[2];
const calendar = loadCalendar();
const ruleBook = loadRuleBook(calendar);
const rides: RandomJourney[] = [];
for (const ride of randomJourneys(ruleBook, calendar, SEED)) {
  if (place === undefined || ride.journey.jurisdiction === place) rides.push(ride);
  if (rides.length === RIDES) break;
}

let steps = 0;
let best = 0;
for (let round = 0; round < ROUNDS; round += 1) {
  const startMs = performance.now();
  steps = 0;
  for (const { journey, holder, history } of rides) {
    steps += priceJourney({ journey, ruleBook, holder, calendar, history }).trace.length;
  }
  const perSecond = Math.round((RIDES / (performance.now() - startMs)) * 1000);
  best = Math.max(best, perSecond);
  console.log(`round ${String(round + 1)}: ${String(perSecond)} journeys/s`);
}
console.log(
  JSON.stringify({
    name: 'fares',
    place: place ?? 'all',
    seed: SEED,
    bestPerSecond: best,
    stepsPerJourney: steps / RIDES,
  }),
);
