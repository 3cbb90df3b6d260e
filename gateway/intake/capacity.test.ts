import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Capacity } from './capacity.ts';

type Load = { readonly offeredPerS: number; readonly carriesPerS: number; readonly budgetMs: number };

/** A gateway that answers in order, so many a second, driven by a clock of the test. */
class Line {
  readonly capacity = new Capacity();
  readonly latencies: number[] = [];
  readonly #waiting: { readonly arrivedMs: number }[] = [];
  #nowMs = 0;
  #work = 0;
  #offered = 0;
  decided = 0;
  refused = 0;

  run(load: Load, forMs: number): void {
    this.decided = 0;
    this.refused = 0;
    this.latencies.length = 0;
    for (const endMs = this.#nowMs + forMs; this.#nowMs < endMs; this.#nowMs += 1) {
      this.#work = Math.min(1, this.#work + load.carriesPerS / 1_000);
      for (; this.#work >= 1 && this.#waiting.length > 0; this.#work -= 1) this.#answer();
      this.#offered += load.offeredPerS / 1_000;
      for (; this.#offered >= 1; this.#offered -= 1) this.#arrive(load.budgetMs);
    }
  }

  #arrive(budgetMs: number): void {
    this.capacity.observe(this.#waiting.length, this.#nowMs);
    if (this.capacity.canAnswer(this.#waiting.length, budgetMs))
      this.#waiting.push({ arrivedMs: this.#nowMs });
    else this.refused += 1;
  }

  #answer(): void {
    const tap = this.#waiting.shift();
    if (tap === undefined) return;
    this.decided += 1;
    this.latencies.push(this.#nowMs - tap.arrivedMs);
    this.capacity.count(1);
    this.capacity.observe(this.#waiting.length, this.#nowMs);
  }
}

test('what comes within capacity is let in, every one', () => {
  const line = new Line();
  line.run({ offeredPerS: 400, carriesPerS: 500, budgetMs: 300 }, 10_000);
  assert.equal(line.refused, 0);
});

test('under three times its capacity a gateway still does all it can, and what it lets in is answered within its budget', () => {
  const line = new Line();
  line.run({ offeredPerS: 1_500, carriesPerS: 500, budgetMs: 300 }, 2_000);
  line.run({ offeredPerS: 1_500, carriesPerS: 500, budgetMs: 300 }, 10_000);
  assert.ok(line.decided >= 0.98 * 500 * 10, `${line.decided} decided of 5000 that it can carry`);
  assert.ok(Math.max(...line.latencies) <= 300, `the slowest took ${Math.max(...line.latencies)} ms`);
});

test('after a stall that made it look slow, a gateway under load finds its pace again within seconds', () => {
  const line = new Line();
  const load = { offeredPerS: 1_500, carriesPerS: 500, budgetMs: 300 };
  line.run(load, 2_000);
  line.run({ ...load, carriesPerS: 10 }, 3_000);
  line.run(load, 3_000);
  line.run(load, 5_000);
  assert.ok(line.decided >= 0.9 * 500 * 5, `${line.decided} decided of 2500 that it can carry`);
});

test('before anything was measured a burst is let in up to a bound, and a tap without a budget always', () => {
  const capacity = new Capacity();
  assert.equal(capacity.canAnswer(63, 300), true);
  assert.equal(capacity.canAnswer(64, 300), false);
  assert.equal(capacity.canAnswer(5_000, null), true);
});
