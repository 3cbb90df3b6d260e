import { TapGateClient, type ListStep } from '@tapgate/sdk/client';
import { TapGateError } from '@tapgate/sdk/error';
import { sm2Sign, type Sm2KeyPair } from '@tapgate/sdk/gm/sm2';
import { parseListStatement } from '@tapgate/sdk/lists/list-envelope';
import { PieceHash } from '@tapgate/sdk/lists/piece-hash';
import { tapSequence, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { forwardTaps } from '@tapgate/validator-firmware/forward/forward-taps';
import { liveUplink } from '@tapgate/validator-firmware/forward/tap-uplink';
import type { JournalEntry } from '@tapgate/validator-firmware/journal/tap-journal';

export type ValidatorSettings = {
  readonly baseUrl: string;
  readonly terminalId: TerminalId;
  readonly keyPair: Sm2KeyPair;
  /** what it made without a network, oldest first, from this sequence on */
  readonly backlog: readonly Uint8Array[];
  readonly firstSequence: number;
  /** `<kind>:<version>` of what it had before the outage */
  readonly held: ReadonlyMap<string, string>;
  readonly listKeyId: string;
};

export type CameBack = {
  /** from its first request until lists, taps and report were through, ms; null when it gave up */
  readonly inStepMs: number | null;
  readonly repeats: number;
  readonly tapsAccepted: number;
  readonly tapsRefused: number;
  /** versions of lists that it fetched */
  readonly listsTaken: number;
  readonly stoppedBy: string | null;
};

/** As forward/forwarding-loop.ts pauses. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
const BODY_TIMEOUT_MS = 60_000;

/**
 * One gate after an outage, with the product's own client and forwarder: proves itself, asks what lists to have and fetches them,
 * sends what its journal holds, oldest first, and says how it is; again and again until all of it is through. Its lists lie in
 * memory and their signatures are not checked: that is the work of 18,000 machines and not of this one.
 */
export async function comeBack(settings: ValidatorSettings, deadlineMs: number): Promise<CameBack> {
  const { baseUrl, terminalId, keyPair, backlog } = settings;
  const client = new TapGateClient({
    baseUrl,
    authentication: { terminalId, sign: (message) => sm2Sign({ ...keyPair, message }) },
  });
  const journal = new MemoryJournal(backlog, settings.firstSequence);
  const held = new Map(settings.held);
  const startedAt = performance.now();
  let [repeats, listsTaken, pauseMs] = [0, 0, 0];
  let stoppedBy: string | null;
  for (;;) {
    try {
      listsTaken += await takeLists(client, held, settings.listKeyId);
      const forwarded = await forwardTaps(journal, () => liveUplink(client));
      stoppedBy = forwarded.stoppedBy;
      if (stoppedBy === null) {
        await client.sendTerminalReport(reportOf(journal, held));
        const { accepted: tapsAccepted, refused: tapsRefused } = journal;
        const inStepMs = performance.now() - startedAt;
        return { inStepMs, repeats, tapsAccepted, tapsRefused, listsTaken, stoppedBy };
      }
    } catch (error) {
      if (!(error instanceof TapGateError)) throw error;
      stoppedBy = error.code;
    }
    if (performance.now() > deadlineMs) break;
    repeats += 1;
    pauseMs = Math.min(Math.max(2 * pauseMs, FIRST_PAUSE_MS), LONGEST_PAUSE_MS) * (0.5 + Math.random() / 2);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  const { accepted: tapsAccepted, refused: tapsRefused } = journal;
  return { inStepMs: null, repeats, tapsAccepted, tapsRefused, listsTaken, stoppedBy };
}

/** @returns how many bodies were fetched; those that are not what their statements announce are a fault of the bench's subject */
export async function takeLists(
  client: TapGateClient,
  held: Map<string, string>,
  listKeyId: string,
): Promise<number> {
  const text = [...held].map(([kind, version]) => `${kind}:${version}`).join(',');
  const plan = await client.getListPlan(text, listKeyId);
  let taken = 0;
  for (const { kind, steps } of plan.lists) {
    for (const step of steps) {
      if (held.get(kind)?.split(':')[0] === String(step.version)) continue;
      await takeBody(client, kind, step);
      const keyId = parseListStatement(step.envelope.statement)?.listKeyId ?? null;
      held.set(kind, `${step.version}${keyId === null ? '' : `:${keyId}`}`);
      taken += 1;
    }
  }
  return taken;
}

async function takeBody(client: TapGateClient, kind: string, step: ListStep): Promise<void> {
  const hash = new PieceHash();
  for await (const part of client.fetchListBody({ ...step, kind }, 0, BODY_TIMEOUT_MS)) hash.update(part);
  if (hash.digest() !== parseListStatement(step.envelope.statement)?.bodySm3)
    throw new Error(`the body of ${kind} ${step.version} is not the announced one`);
}

function reportOf(journal: MemoryJournal, held: ReadonlyMap<string, string>): object {
  const now = Date.now();
  return {
    ...{ sentAtMs: now, software: 'bench', staleLists: [] },
    lists: Object.fromEntries([...held].map(([kind, version]) => [kind, Number(version.split(':')[0])])),
    ...{ queueDepth: journal.left, refusedRecords: journal.refused, oldestUnsentAtMs: null },
    faults: [{ faultNo: 1, code: 'gateway_unreachable', atMs: now - 3_600_000, detail: null }],
  };
}

/** What a gate's journal does for its forwarder, without a disk. */
class MemoryJournal {
  readonly #entries: Map<number, JournalEntry>;
  accepted = 0;
  refused = 0;

  constructor(records: readonly Uint8Array[], first: number) {
    this.#entries = new Map(
      records.map((record, index) => [first + index, { tapSequence: tapSequence(first + index), record }]),
    );
  }

  get left(): number {
    return this.#entries.size;
  }

  oldestUnacknowledged(limit: number): Promise<JournalEntry[]> {
    return Promise.resolve([...this.#entries.values()].slice(0, limit));
  }

  acknowledge(sequences: readonly number[]): Promise<void> {
    for (const sequence of sequences) if (this.#entries.delete(sequence)) this.accepted += 1;
    return Promise.resolve();
  }

  setAside(entry: JournalEntry): Promise<void> {
    if (this.#entries.delete(entry.tapSequence)) this.refused += 1;
    return Promise.resolve();
  }
}
