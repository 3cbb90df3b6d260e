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
let bestPerCpuSecond = 0;
for (let round = 0; round < ROUNDS; round += 1) {
  const startMs = performance.now();
  const startCpu = process.cpuUsage();
  steps = 0;
  for (const { journey, holder, history } of rides) {
    steps += priceJourney({ journey, ruleBook, holder, calendar, history }).trace.length;
  }
  const perSecond = Math.round((RIDES / (performance.now() - startMs)) * 1000);
  best = Math.max(best, perSecond);
  const cpu = process.cpuUsage(startCpu);
  // Of one core's own time, which a busy machine does not take away.
  bestPerCpuSecond = Math.max(bestPerCpuSecond, Math.round((RIDES / (cpu.user + cpu.system)) * 1_000_000));
  console.log(`round ${String(round + 1)}: ${String(perSecond)} journeys/s`);
}
console.log(
  JSON.stringify({
    name: 'fares',
    place: place ?? 'all',
    seed: SEED,
    bestPerSecond: best,
    bestPerCpuSecond,
    stepsPerJourney: steps / RIDES,
  }),
);
