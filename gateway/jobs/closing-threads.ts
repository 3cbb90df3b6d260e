import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { discardFile } from './batch-file.ts';
import type { BuiltFile } from './build-batch.ts';
import type { BatchFiles, ClosingThreads, FileMaking, FileOrder } from './closing.ts';
import { makeOrdered } from './make-ordered.ts';
import type { FromThread, ThreadData, ToThread } from './closing-worker.ts';
import { unpackFault } from './travelling-fault.ts';

/** Left alone, V8 would let each heap grow to gigabytes; a piece in the young generation is collected without being copied. */
const THREAD_HEAP_MB = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 64 };
/** Each takes about 100 MB, beside 300 of the process: within 512 MB. */
const THREADS_MAX = 3;
/** Bringing a thread up takes a second or two of its core, in which this thread closes so many. */
const FROM_JOURNEYS = 30_000;

/** As many threads as there are cores, this one included, up to what memory allows. */
export function closingThreads(databaseUrl: string): ClosingThreads {
  const count = Math.min(availableParallelism(), THREADS_MAX);
  return { databaseUrl, count, fromJourneys: FROM_JOURNEYS };
}

type Waiting = {
  readonly order: FileOrder;
  readonly resolve: (built: BuiltFile) => void;
  readonly reject: (fault: Error) => void;
};

/**
 * Files made side by side, in this thread and on others (ARCHITECTURE.md "A large day is closed on threads"). Orders wait in one queue and go to
 * whichever is free; this one needs no time to come up. Another thread only makes files under temporary names: signing, recording and publishing stay with the thread that has the keys.
 */
export class ThreadedFiles implements BatchFiles {
  /** One more than threads: while one batch is signed and published, the threads have their next order. */
  readonly atOnce: number;
  readonly #threads: Thread[];
  readonly #here: Here;
  readonly #queue: Waiting[] = [];
  #isStopped = false;

  constructor(making: FileMaking, { databaseUrl, count }: ClosingThreads) {
    const next = (): Waiting | undefined => this.#queue.shift();
    this.#here = new Here(making, next);
    this.#threads = Array.from({ length: count - 1 }, () => new Thread(making, databaseUrl, next));
    this.atOnce = count + 1;
  }

  make(order: FileOrder): Promise<BuiltFile> {
    if (this.#isStopped) return Promise.reject(new Error('the threads of this closing are stopped'));
    return new Promise((resolve, reject) => {
      this.#queue.push({ order, resolve, reject });
      [this.#here, ...this.#threads].find((maker) => maker.isFree)?.takeNext();
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    for (const { reject } of this.#queue.splice(0))
      reject(new Error('the threads of this closing are stopped'));
    this.#here.stop();
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  async end(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await Promise.all(this.#threads.map((thread) => thread.end()));
  }
}

/** This thread, among those that make files. */
class Here {
  readonly #making: FileMaking;
  readonly #next: () => Waiting | undefined;
  #isStopped = false;
  #isBusy = false;

  constructor(making: FileMaking, next: () => Waiting | undefined) {
    this.#making = {
      ...making,
      reached: (step, batch) => {
        // Between two pieces is where a file can be given up.
        if (this.#isStopped) throw new Error('the threads of this closing are stopped');
        making.reached?.(step, batch);
      },
    };
    this.#next = next;
  }

  get isFree(): boolean {
    return !this.#isBusy && !this.#isStopped;
  }

  takeNext(): void {
    const waiting = this.#next();
    this.#isBusy = waiting !== undefined;
    if (waiting === undefined) return;
    makeOrdered(this.#making, waiting.order)
      .then(waiting.resolve, waiting.reject)
      .finally(() => {
        this.takeNext();
      });
  }

  stop(): void {
    this.#isStopped = true;
  }
}

/** Another thread and the order that it works on. */
class Thread {
  readonly #worker: Worker;
  readonly #making: FileMaking;
  readonly #next: () => Waiting | undefined;
  readonly #ended: Promise<unknown>;
  #current: Waiting | null = null;
  #isDead = false;

  constructor(making: FileMaking, databaseUrl: string, next: () => Waiting | undefined) {
    this.#making = making;
    this.#next = next;
    const data: ThreadData = { databaseUrl, cut: making.cut };
    this.#worker = new Worker(new URL('./closing-worker-start.js', import.meta.url), {
      workerData: data,
      resourceLimits: THREAD_HEAP_MB,
    });
    this.#worker.on('message', (message: FromThread) => {
      this.#hear(message);
    });
    this.#ended = once(this.#worker, 'exit').catch(() => undefined);
    // Out of memory, or a mistake of the program: an order fails by what it says.
    this.#worker.on('error', (fault) => {
      this.#die(fault);
    });
    this.#worker.once('exit', () => {
      this.#die(new Error('a thread of the closing ended before its file was made'));
    });
  }

  get isFree(): boolean {
    return this.#current === null && !this.#isDead;
  }

  takeNext(): void {
    const waiting = this.#next();
    if (waiting === undefined) return;
    this.#current = waiting;
    const { order } = waiting;
    const claimSalt = order.batch.kind === 'subsidy_claim' ? this.#making.keys.claimSalt() : null;
    this.#say({ kind: 'make', order, claimSalt });
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
    this.#die(new Error('the threads of this closing are stopped'));
  }

  async end(): Promise<void> {
    this.#say({ kind: 'end' });
    await this.#ended;
  }

  #say(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromThread): void {
    const waiting = this.#current;
    if (waiting === null) return;
    const { batch } = waiting.order;
    switch (message.kind) {
      case 'piece_written':
        this.#making.reached?.('piece_written', batch);
        return;
      case 'data_key_wanted':
        void this.#giveDataKey(waiting, message);
        return;
      case 'built':
        this.#free();
        waiting.resolve(message.built);
        return;
      case 'failed':
        this.#free();
        waiting.reject(unpackFault(message.fault, batch));
    }
  }

  /** A key that cannot be had fails the order as it failed here; the thread, which waits for it, is of no more use. */
  async #giveDataKey(
    waiting: Waiting,
    { serviceDate }: Extract<FromThread, { kind: 'data_key_wanted' }>,
  ): Promise<void> {
    try {
      this.#say({ kind: 'data_key', serviceDate, key: await this.#making.dataKeyOf(serviceDate) });
    } catch (error) {
      waiting.reject(error instanceof Error ? error : new Error('a data key could not be opened'));
      await this.stop();
    }
  }

  #free(): void {
    this.#current = null;
    this.takeNext();
  }

  #die(fault: Error): void {
    this.#isDead = true;
    const waiting = this.#current;
    this.#current = null;
    if (waiting === null) return;
    discardFile(waiting.order.place.folder, waiting.order.place.name);
    waiting.reject(fault);
  }
}
