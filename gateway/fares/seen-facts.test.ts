import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { UNKNOWN_HOLDER } from '../concessions/holder-facts.ts';
import { loadRuleBook } from './load-rule-sets.ts';
import { priceJourney } from './price-journey.ts';
import { randomJourneys } from './random-journeys.ts';
import { findPinned } from './rule-book.ts';
import { seenFactsOf } from './seen-facts.ts';

const SEED = 20261122;
const RIDES = 20_000;

test(`a fare is found again from the facts that its trace kept, whoever the holder is today (seed ${SEED})`, () => {
  const calendar = loadCalendar();
  const ruleBook = loadRuleBook(calendar);
  let priced = 0;
  let withConcession = 0;
  for (const { journey, holder, history } of randomJourneys(ruleBook, calendar, SEED)) {
    const fare = priceJourney({ journey, ruleBook, calendar, holder, history });
    if (fare.outcome !== 'priced') continue;
    // Through the form in which it is stored.
    const stored = JSON.parse(JSON.stringify(fare.trace)) as typeof fare.trace;
    const pinned = { ruleSetId: fare.ruleSetId, ruleSetVersion: fare.ruleSetVersion };
    const ruleSet = findPinned(ruleBook, pinned);
    assert.ok(ruleSet);
    const seen = seenFactsOf(stored, ruleSet);
    const again = priceJourney({
      ...{ journey, ruleBook, calendar, pinned, seen, holder: UNKNOWN_HOLDER },
      history: { totals: seen.totals, previous: history.previous },
    });
    assert.deepEqual(again, fare);
    if (fare.concession !== null) withConcession += 1;
    priced += 1;
    if (priced === RIDES) break;
  }
  assert.ok(withConcession > RIDES / 50, 'the rides have concessions among them');
});
