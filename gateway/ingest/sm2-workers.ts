import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Sm2Claim } from '@tapgate/sdk/emv/sm2-claim';
import { packClaims } from './packed-claims.ts';
import type { AnswersMessage, ClaimsMessage } from './sm2-worker.ts';
import { TwoLanes, type Lane } from './two-lanes.ts';

type Waiting = {
  readonly claims: readonly Sm2Claim[];
  readonly isWanted: () => boolean;
  readonly resolve: (held: readonly boolean[] | null) => void;
  readonly reject: (fault: Error) => void;
};

/** Claims that one message carries at most: a few milliseconds of work, so that no thread holds what another could do. */
const MESSAGE_CLAIMS_MAX = 8;

/** A thread has its next message at hand while it works on one. */
const MESSAGES_AHEAD = 2;

/**
 * SM2 checks on worker threads, as many as there are cores. Claims wait in one queue of two lanes and go to whichever thread has room, so
 * that a live tap waits for what the threads have at hand, some sixteen checks, and for no backlog; who puts claims in bounds how many
 * may wait (intake/tap-intake.ts).
 */
export class Sm2Workers {
  readonly #threads: Thread[];
  readonly #queue = new TwoLanes<Waiting>();
  #verifications = 0;
  #stopped = false;

  constructor(threads: number = availableParallelism()) {
    this.#threads = Array.from({ length: Math.max(1, threads) }, () => this.#startThread());
  }

  /** Checks made so far, for the bench and the gauge. */
  get verifications(): number {
    return this.#verifications;
  }

  /** Taps whose claims no thread has taken yet. */
  get waiting(): number {
    return this.#queue.size;
  }

  /** @returns one answer for each claim, in order. @throws Error when the threads were stopped or one of them died */
  async check(claims: readonly Sm2Claim[], lane: Lane): Promise<readonly boolean[]> {
    const held = await this.checkWhileWanted(claims, lane, () => true);
    if (held === null) throw new RangeError('what is always wanted is checked');
    return held;
  }

  /**
   * As check, but asks once more when a thread has room: under overload what has waited too long makes room for what has not.
   *
   * @returns null where nobody wanted it any more, and nothing was checked
   */
  checkWhileWanted(
    claims: readonly Sm2Claim[],
    lane: Lane,
    isWanted: () => boolean,
  ): Promise<readonly boolean[] | null> {
    if (claims.length === 0) return Promise.resolve([]);
    if (this.#stopped) return Promise.reject(new Error('the SM2 threads are stopped'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ claims, isWanted, resolve, reject }, lane);
      this.#feed();
    });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (let waiting = this.#queue.take(); waiting !== undefined; waiting = this.#queue.take())
      waiting.reject(new Error('the SM2 threads are stopped'));
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  #feed(): void {
    while (this.#queue.size > 0) {
      const thread = leastBusy(this.#threads);
      if (thread === undefined || thread.busy >= MESSAGES_AHEAD) return;
      let size = 0;
      const message: Waiting[] = [];
      for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
        if (message.length > 0 && size + next.claims.length > MESSAGE_CLAIMS_MAX) break;
        this.#queue.take();
        if (!next.isWanted()) {
          next.resolve(null);
          continue;
        }
        size += next.claims.length;
        message.push(next);
      }
      if (message.length === 0) return;
      this.#verifications += size;
      thread.send(message);
    }
  }

  #startThread(): Thread {
    const thread = new Thread(
      () => {
        this.#feed();
      },
      () => {
        if (this.#stopped) return;
        const place = this.#threads.indexOf(thread);
        if (place >= 0) this.#threads[place] = this.#startThread();
        this.#feed();
      },
    );
    return thread;
  }
}

function leastBusy(threads: readonly Thread[]): Thread | undefined {
  let best: Thread | undefined;
  for (const thread of threads) if (best === undefined || thread.busy < best.busy) best = thread;
  return best;
}

/** A thread keeps keys and the claims of two messages; left alone, V8 would let its heap grow to twenty times of that. */
const THREAD_HEAP_MB = { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 4 };

/** One worker thread and the messages that it has not answered. */
class Thread {
  readonly #worker = new Worker(new URL('./sm2-worker-start.js', import.meta.url), {
    resourceLimits: THREAD_HEAP_MB,
  });
  readonly #unanswered = new Map<number, readonly Waiting[]>();
  #batch = 0;

  constructor(onAnswer: () => void, onDeath: () => void) {
    this.#worker.unref();
    this.#worker.on('message', ({ batch, held }: AnswersMessage) => {
      const message = this.#unanswered.get(batch) ?? [];
      this.#unanswered.delete(batch);
      let at = 0;
      for (const waiting of message) {
        waiting.resolve(held.slice(at, at + waiting.claims.length));
        at += waiting.claims.length;
      }
      if (this.#unanswered.size === 0) this.#worker.unref();
      onAnswer();
    });
    let dead = false;
    const die = (): void => {
      if (dead) return;
      dead = true;
      const lost = [...this.#unanswered.values()].flat();
      this.#unanswered.clear();
      for (const waiting of lost) waiting.reject(new Error('an SM2 thread died'));
      onDeath();
    };
    this.#worker.once('error', die);
    this.#worker.once('exit', die);
  }

  get busy(): number {
    return this.#unanswered.size;
  }

  send(message: readonly Waiting[]): void {
    this.#batch += 1;
    this.#unanswered.set(this.#batch, message);
    // Work under way keeps the process alive; an idle thread does not.
    this.#worker.ref();
    const packed = packClaims(message.flatMap((waiting) => waiting.claims));
    const order: ClaimsMessage = { batch: this.#batch, packed };
    this.#worker.postMessage(order, [packed.buffer]);
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }
}
