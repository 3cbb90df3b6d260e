import { ClassicLevel } from 'classic-level';
import type { TapGateClient } from '@tapgate/sdk/client';
import { LIST_KIND_NAMES } from '@tapgate/sdk/lists/list-kinds';
import type { AskingCounts } from '@tapgate/sdk/terminals/asking-counts';
import type { GateLists } from '../lists/gate-lists.ts';
import type { ListStore } from '../lists/list-store.ts';
import type { TapJournal } from '../journal/tap-journal.ts';

/** Something that went wrong here: what, when by this device's clock, and a word of detail without any card data. */
export type DeviceFault = { readonly code: string; readonly atMs: number; readonly detail: string | null };
type NumberedFault = DeviceFault & { readonly faultNo: number };

/** Faults that wait; older ones go first when a reader fails every second of a week. */
const FAULTS_KEPT_MAX = 2_000;
const FAULTS_AT_A_TIME = 200;

/** Faults of this device until the gateway has them: numbered, so that one that is sent twice is one. */
export class FaultBook {
  readonly #store: ClassicLevel<string, NumberedFault>;
  #next: number;
  #first: number;
  #tail: Promise<unknown> = Promise.resolve();

  private constructor(store: ClassicLevel<string, NumberedFault>, first: number, next: number) {
    this.#store = store;
    this.#first = first;
    this.#next = next;
  }

  static async open(directory: string): Promise<FaultBook> {
    const store = new ClassicLevel<string, NumberedFault>(directory, { valueEncoding: 'json' });
    await store.open();
    const [first] = await store.keys({ lt: SENT_KEY, limit: 1 }).all();
    const [last] = await store.keys({ lt: SENT_KEY, limit: 1, reverse: true }).all();
    const next = last === undefined ? 1 : Number(last) + 1;
    return new FaultBook(store, first === undefined ? next : Number(first), next);
  }

  record(fault: DeviceFault): Promise<void> {
    return this.#inOrder(async () => {
      const faultNo = this.#next++;
      await this.#store.put(keyOf(faultNo), { ...fault, detail: printable(fault.detail), faultNo });
      // One entry always stays, so that numbers go on after a restart.
      while (this.#next - this.#first > FAULTS_KEPT_MAX) await this.#store.del(keyOf(this.#first++));
    });
  }

  /** The oldest that wait. */
  waiting(): Promise<readonly NumberedFault[]> {
    return this.#inOrder(async () => {
      const sent = (await this.#store.get(SENT_KEY))?.faultNo ?? 0;
      return this.#store.values({ gt: keyOf(sent), lt: SENT_KEY, limit: FAULTS_AT_A_TIME }).all();
    });
  }

  /** The gateway has those up to this number. */
  acknowledge(faultNo: number): Promise<void> {
    return this.#inOrder(async () => {
      await this.#store.put(SENT_KEY, { faultNo, code: '', atMs: 0, detail: null });
      for (; this.#first <= faultNo && this.#first < this.#next - 1; this.#first++)
        await this.#store.del(keyOf(this.#first));
    });
  }

  async close(): Promise<void> {
    await this.#tail;
    await this.#store.close();
  }

  #inOrder<Result>(task: () => Promise<Result>): Promise<Result> {
    const run = this.#tail.then(task);
    this.#tail = run.catch(() => undefined);
    return run;
  }
}

/** One line of ASCII, as a report carries it: one fault that the gateway cannot read would hold up all after it. */
function printable(detail: string | null): string | null {
  const text = (detail ?? '').replaceAll(/[^\x20-\x7e]/g, '?').slice(0, DETAIL_MAX);
  return text === '' ? null : text;
}

const DETAIL_MAX = 100;

const keyOf = (faultNo: number): string => String(faultNo).padStart(12, '0');
/** After every number. */
const SENT_KEY = 'sent';

/**
 * Tells the gateway how this terminal is: versions in use, stale lists, what waits in its journal, its clock, and its faults. Faults are
 * forgotten once they were taken.
 *
 * @throws TapGateError
 */
export async function sendReport(parts: {
  readonly client: Pick<TapGateClient, 'sendTerminalReport'>;
  readonly lists: ListStore;
  readonly gate: GateLists;
  readonly journal: Pick<TapJournal, 'unacknowledgedCount' | 'refusedCount' | 'oldestUnsentAtMs'>;
  readonly faults: FaultBook;
  /** how asking has ended so far; null where this gate never asks */
  readonly asking?: () => AskingCounts | null;
  readonly software: string;
  readonly clock: () => number;
}): Promise<void> {
  const { lists, journal, faults, software } = parts;
  const sentAtMs = parts.clock();
  const waiting = await faults.waiting();
  const versions = LIST_KIND_NAMES.flatMap((kind) => {
    const held = lists.held(kind);
    return held === null ? [] : [[kind, held.version] as const];
  });
  const asking = parts.asking?.() ?? null;
  await parts.client.sendTerminalReport({
    ...{ sentAtMs, software, lists: Object.fromEntries(versions) },
    staleLists: parts.gate
      .standings(sentAtMs)
      .filter((list) => list.isStale)
      .map((list) => list.kind),
    queueDepth: journal.unacknowledgedCount(),
    refusedRecords: journal.refusedCount(),
    oldestUnsentAtMs: journal.oldestUnsentAtMs(),
    ...(asking === null ? {} : { asking }),
    faults: waiting,
  });
  const last = waiting.at(-1);
  if (last !== undefined) await faults.acknowledge(last.faultNo);
}
