import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { slowPrice, summary } from './independent-pricing.fixture.ts';
import { buildRuleBook, loadRuleSetFile, loadRuleSets } from './load-rule-sets.ts';
import { assertFareAddsUp, priceJourney } from './price-journey.ts';
import { randomJourneys } from './random-journeys.ts';
import type { NamedRuleSet } from './rule-book.ts';
import { recomputeTrace } from './trace.ts';

const SEED = Number(process.env['FARES_SEED'] ?? 20261121);
const calendar = loadCalendar();

/** Prices random rides with both engines; returns how often each outcome and each operation of a stage was met. */
function compare(
  named: readonly NamedRuleSet[],
  rides: number,
): { outcomes: Map<string, number>; used: Set<string> } {
  const ruleBook = buildRuleBook(named, calendar);
  const sets = named.map((n) => n.ruleSet);
  const outcomes = new Map<string, number>();
  const used = new Set<string>();
  let index = 0;
  for (const ride of randomJourneys(ruleBook, calendar, SEED)) {
    const input = { ...ride, ruleBook, calendar };
    const fare = priceJourney(input);
    const [one, other] = [summary(fare), slowPrice(sets, ride)];
    if (JSON.stringify(one) !== JSON.stringify(other)) {
      assert.deepEqual(one, other, `ride ${String(index)}: ${JSON.stringify(ride)}`);
    }
    outcomes.set(fare.outcome, (outcomes.get(fare.outcome) ?? 0) + 1);
    for (const step of fare.trace) if (step.applied) used.add(`${step.stage} ${step.operation.op}`);
    if (fare.outcome === 'priced') {
      assertFareAddsUp(fare);
      const again = recomputeTrace(fare.trace);
      assert.ok(
        again.ok && again.listFareFen === fare.listFareFen && again.fareFen === fare.fareFen,
        'recomputed',
      );
      for (const step of fare.trace) {
        assert.ok(step.fenOut >= 0, 'never below zero');
        if (step.operation.op !== 'cap') continue;
        const { capFen, paidFen } = step.operation;
        assert.ok(step.fenOut + paidFen <= Math.max(capFen, paidFen), 'never over a cap');
      }
      if (index % 50 === 0) assert.deepEqual(priceJourney(input), fare, 'the same input gives the same fare');
    }
    index += 1;
    if (index === rides) break;
  }
  return { outcomes, used };
}

test('two engines agree on 60,000 random rides of the cities', (t) => {
  t.diagnostic(`seed ${String(SEED)}`);
  const { outcomes } = compare(loadRuleSets(), 60_000);
  t.diagnostic(JSON.stringify(Object.fromEntries(outcomes)));
  for (const outcome of ['priced', 'held']) assert.ok((outcomes.get(outcome) ?? 0) > 100, outcome);
});

test('two engines agree on 60,000 random rides under every kind of rule', (t) => {
  t.diagnostic(`seed ${String(SEED)}`);
  const everyKind = loadRuleSetFile(path.join(import.meta.dirname, 'fixtures/every-kind.rules.yaml'));
  const { outcomes, used } = compare([everyKind], 60_000);
  t.diagnostic(JSON.stringify(Object.fromEntries(outcomes)));
  for (const outcome of ['priced', 'held', 'refused']) assert.ok((outcomes.get(outcome) ?? 0) > 20, outcome);
  // The rides reach every operation of every stage, else the comparison would be an empty one.
  const reached = [
    'list_fare band',
    'list_fare set',
    'concession set',
    'concession permille',
    'concession minus',
    'concession at_most',
    'concession band',
    'medium permille',
    'medium minus',
    'medium at_most',
    'accumulator permille',
    'accumulator split',
    'transfer minus',
    'transfer permille',
    'transfer keep',
    'surcharge add',
    'cap cap',
    'rounding round',
  ];
  for (const operation of reached) assert.ok(used.has(operation), `${operation} was never reached`);
});
