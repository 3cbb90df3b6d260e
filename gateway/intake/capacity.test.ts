import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Capacity } from './capacity.ts';

type Load = {
  readonly offeredPerS: number;
  readonly carriesPerS: number;
  readonly budgetMs: number;
  /** answers are given together, so often */
  readonly batchMs?: number;
  /** how long a tap takes beside its waiting, ms */
  readonly fixedMs?: number;
};

/** A gateway that answers in order, so many a second, driven by a clock of the test. */
class Line {
  readonly capacity = new Capacity();
  readonly latencies: number[] = [];
  readonly #waiting: { readonly arrivedMs: number; readonly ahead: number }[] = [];
  #nowMs = 0;
  #work = 0;
  #offered = 0;
  decided = 0;
  refused = 0;

  run(load: Load, forMs: number): void {
    this.decided = 0;
    this.refused = 0;
    this.latencies.length = 0;
    const { batchMs = 1, fixedMs = 0 } = load;
    for (const endMs = this.#nowMs + forMs; this.#nowMs < endMs; this.#nowMs += 1) {
      // Work is not saved up while nobody waits.
      this.#work = Math.min(
        this.#work + load.carriesPerS / 1_000,
        Math.max(1, batchMs * (load.carriesPerS / 1_000)),
      );
      if (this.#nowMs % batchMs === 0)
        for (; this.#work >= 1 && this.#isReady(fixedMs); this.#work -= 1) this.#answer();
      this.#offered += load.offeredPerS / 1_000;
      for (; this.#offered >= 1; this.#offered -= 1) this.#arrive(load.budgetMs);
    }
  }

  #isReady(fixedMs: number): boolean {
    const [first] = this.#waiting;
    return first !== undefined && this.#nowMs - first.arrivedMs >= fixedMs;
  }

  #arrive(budgetMs: number): void {
    const ahead = this.#waiting.length;
    if (this.capacity.canAnswer(ahead, budgetMs)) this.#waiting.push({ arrivedMs: this.#nowMs, ahead });
    else this.refused += 1;
  }

  #answer(): void {
    const tap = this.#waiting.shift();
    if (tap === undefined) return;
    this.decided += 1;
    const elapsedMs = this.#nowMs - tap.arrivedMs;
    this.latencies.push(elapsedMs);
    this.capacity.answered(tap.ahead, elapsedMs);
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

test('answers that come in batches after which hardly anybody waits are seen as what they are', () => {
  const line = new Line();
  const load = { offeredPerS: 2_400, carriesPerS: 800, budgetMs: 300, batchMs: 80, fixedMs: 40 };
  line.run(load, 2_000);
  line.run(load, 10_000);
  assert.ok(line.decided >= 0.95 * 800 * 10, `${line.decided} decided of 8000 that it can carry`);
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
