import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { setTimeout as nap } from 'node:timers/promises';
import { TapGateClient } from '@tapgate/sdk/client';
import { tapSequence } from '@tapgate/sdk/wire/identifiers';
import { DEFAULT_GATE_PARAMETERS } from '@tapgate/sdk/lists/gate-parameters';
import type { CardReader, ReaderListener } from '../devices/card-reader.ts';
import type { GateHardware, GateListener } from '../devices/gate-hardware.ts';
import type { ForwardReport } from '../forward/forward-taps.ts';
import { ForwardingLoop } from '../forward/forwarding-loop.ts';
import { bulkUplink, liveUplink } from '../forward/tap-uplink.ts';
import type { RiderSignal } from '../gate/rider-signal.ts';
import { GateProgram } from '../gate-program.ts';
import { TapJournal, type JournalSettings } from '../journal/tap-journal.ts';
import { gateLists, type GateLists } from '../lists/gate-lists.ts';
import { ListFault } from '../lists/list-fault.ts';
import { ListStore } from '../lists/list-store.ts';
import { loadRiderSignals } from '../rider/load-rider-signals.ts';
import { sessionCredentialsOf, type DeviceIdentity } from '../sync/device-identity.ts';
import { GatewayClock } from '../sync/gateway-clock.ts';
import { syncLists } from '../sync/sync-lists.ts';
import { FaultBook, sendReport, type DeviceFault } from '../sync/terminal-report.ts';
import { UpkeepLoop, type UpkeepRound } from '../sync/upkeep-loop.ts';
import { GatewayCounsel } from '../asking/gateway-counsel.ts';
import { createValidator, type TapResult, type Validator } from '../validator.ts';
import type { DeviceFolder } from './device-folder.ts';
import { GateFaults } from './gate-faults.ts';
import type { GatePlace } from './gate-place.ts';
import { KeptIdentity } from './kept-identity.ts';
import { passengerAt } from './passenger-at.ts';

/** What this program calls itself in its reports. */
export const SOFTWARE = 'tapgate-gate 0.1.0';

/** Whether riders are served, and else why not. */
export type GateService = 'in_service' | 'no_ca_keys' | 'revoked';

export type GateDeviceListener = {
  readonly onTap: (result: TapResult, signal: RiderSignal, reader: string) => void;
  readonly onForward: (report: ForwardReport) => void;
  readonly onUpkeep: (round: UpkeepRound) => void;
  readonly onService: (service: GateService) => void;
  readonly onFault: (fault: DeviceFault) => void;
  /** the journal takes nothing any more until the program is started anew */
  readonly onBroken: () => void;
};

export type GateDeviceParts = {
  readonly folder: DeviceFolder;
  readonly identity: DeviceIdentity;
  readonly place: GatePlace;
  /** of the gateway, e.g. http://127.0.0.1:8080 */
  readonly baseUrl: string;
  readonly openReader: (listener: ReaderListener) => Promise<CardReader>;
  readonly openHardware: (listener: GateListener) => Promise<GateHardware>;
  readonly listener: GateDeviceListener;
  /** ms since the Unix epoch */
  readonly clock?: () => number;
  readonly fetch?: typeof fetch;
  /** from one round of upkeep to the next, ms */
  readonly upkeepEveryMs?: number;
  /** makes the journal's store, not yet open; a test gives one that dies at a named point */
  readonly journalStoreAt?: JournalSettings['storeAt'];
};

/** More than any gate sees in the longest outage that its parameters allow. */
const UNACKNOWLEDGED_MAX = 200_000;

/**
 * One gate from its start to its end: riders on the one side, the gateway on the other, and a journal in between. It begins with what
 * it has on disk, whether anybody answers or not.
 */
export class GateDevice {
  readonly #parts: GateDeviceParts;
  readonly #journal: TapJournal;
  readonly #lists: ListStore;
  readonly #gate: GateLists;
  readonly #faults: GateFaults;
  readonly #clock: () => number;
  readonly #ending = new AbortController();
  #program: GateProgram | null = null;
  #forwarding: ForwardingLoop | null = null;
  #upkeep: UpkeepLoop | null = null;
  readonly #identity: KeptIdentity;
  #service: GateService;

  private constructor(parts: GateDeviceParts, stores: Stores) {
    this.#parts = parts;
    this.#clock = parts.clock ?? Date.now;
    [this.#journal, this.#lists, this.#faults] = [stores.journal, stores.lists, stores.faults];
    this.#gate = stores.gate;
    this.#identity = new KeptIdentity(parts.folder, parts.identity);
    this.#service = this.#serviceNow();
  }

  /**
   * @throws DeviceFault for a device whose library is not installed; JournalFault when another process holds the folder or the journal
   *   was not made by this device
   */
  static async start(parts: GateDeviceParts): Promise<GateDevice> {
    const device = new GateDevice(parts, await openStores(parts));
    try {
      await device.#begin();
      return device;
    } catch (error) {
      await device.#close();
      throw error;
    }
  }

  get service(): GateService {
    return this.#service;
  }

  /** Taps that the gateway has not acknowledged. */
  get waiting(): number {
    return this.#journal.unacknowledgedCount();
  }

  /** Takes no further card, brings home what it can within `patienceMs`, and closes; what is left stays in the journal. */
  async stop(patienceMs: number): Promise<void> {
    await this.#endRiders();
    const deadline = performance.now() + patienceMs;
    while (this.waiting > 0 && performance.now() < deadline) await nap(20);
    await this.#close();
  }

  async #begin(): Promise<void> {
    const { identity, listener, folder } = this.#parts;
    const startedAtMs = this.#clock();
    const signals = loadRiderSignals(identity.region);
    const client = this.#client();
    const faults = this.#faults;
    const counsel = this.#counsel(client);
    this.#program = await GateProgram.start({
      ...{ validator: this.#validator(counsel), signals, clock: this.#clock },
      ...{ openReader: this.#parts.openReader, openHardware: this.#parts.openHardware },
      isInService: this.#service === 'in_service',
      passengerOf: (result) => passengerAt(result, { gate: this.#gate, signals, zone: identity.zone }),
      onTap: (result, signal, reader) => {
        listener.onTap(result, signal, reader);
        this.#forwarding?.notice();
      },
      onFault: (fault) => {
        faults.record(fault);
        if (fault.code === 'journal_failed') listener.onBroken();
      },
    });
    this.#forwarding = new ForwardingLoop({
      journal: this.#journal,
      ...{ live: liveUplink(client), bulk: bulkUplink(client) },
      onReport: (report) => {
        listener.onForward(report);
        // Whoever takes no tap of this terminal any more says so first where a tap is sent.
        const isShutOut = report.deliveries.some(
          (delivery) => delivery.kind !== 'accepted' && delivery.code === 'terminal_revoked',
        );
        if (isShutOut && !this.#identity.now.isRevoked) this.#upkeep?.hurry();
      },
      onFault: (error) => {
        faults.ofError('forward_failed', error);
      },
    });
    const { lists, gate, journal } = { lists: this.#lists, gate: this.#gate, journal: this.#journal };
    this.#upkeep = new UpkeepLoop({
      sync: () =>
        syncLists({
          ...{ client, lists, identity: this.#identity.now, stagingFolder: folder.staging },
          clock: this.#clock,
          keepIdentity: ({ listSigningKeys }) => this.#identity.change({ listSigningKeys }),
        }),
      report: () =>
        sendReport({
          client,
          lists,
          gate,
          journal,
          faults: faults.book,
          software: SOFTWARE,
          clock: this.#clock,
          asking: () => {
            const isAsking = gate.parameters().asking !== null;
            return isAsking ? { sinceMs: startedAtMs, ...counsel.counts() } : null;
          },
        }),
      onRound: (round) => {
        this.#heard(round);
      },
      onFault: (error) => {
        faults.ofError('upkeep_failed', error);
      },
      ...(this.#parts.upkeepEveryMs === undefined ? {} : { everyMs: this.#parts.upkeepEveryMs }),
    });
    listener.onService(this.#service);
  }

  /** The client of this terminal: its proof by the gateway's time, its requests ending with the device. */
  #client(): TapGateClient {
    const { identity, baseUrl } = this.#parts;
    const gatewayClock = new GatewayClock(this.#clock, identity.clockSkewMs);
    const ask = this.#parts.fetch ?? fetch;
    const { signal: ending } = this.#ending;
    return new TapGateClient({
      baseUrl,
      authentication: sessionCredentialsOf(identity),
      clock: () => gatewayClock.nowMs(),
      fetch: gatewayClock.hearing((input, init) =>
        ask(input, { ...init, signal: init?.signal ? AbortSignal.any([init.signal, ending]) : ending }),
      ),
    });
  }

  #counsel(client: TapGateClient): GatewayCounsel {
    const { terminalId, macKey } = this.#parts.place.terminal;
    const parameters = () => this.#gate.parameters().asking;
    return new GatewayCounsel({ client, terminalId, macKey, parameters });
  }

  #validator(counsel: GatewayCounsel): Validator {
    const { terminal, profile } = this.#parts.place;
    const gate = this.#gate;
    return createValidator({
      terminal: {
        ...terminal,
        // A gate holds no fares; what it holds of rules are its parameters.
        get ruleSetVersion() {
          return `parameters-${gate.parametersVersion() ?? 0}`;
        },
      },
      profile,
      ...{ caKeys: gate.caKeys, hotlist: gate.hotlist, policy: gate.policy, staleList: gate.staleList },
      tapRiskFen: () => gate.parameters().tapRiskFen,
      ...{ counsel, journal: this.#journal, clock: this.#clock },
      random: (byteCount) => randomBytes(byteCount),
    });
  }

  #heard(round: UpkeepRound): void {
    const { synced } = round;
    if (synced.stoppedBy === null) this.#revoked(false);
    if (synced.stoppedBy === 'terminal_revoked') this.#revoked(true);
    this.#faults.note(round, this.#gate.standings(this.#clock()));
    const service = this.#serviceNow();
    if (service !== this.#service) {
      this.#service = service;
      this.#program?.setInService(service === 'in_service');
      this.#parts.listener.onService(service);
    }
    this.#parts.listener.onUpkeep(round);
    // A terminal that is let in again has a backlog.
    this.#forwarding?.notice();
  }

  /** Kept on disk: a gate that was taken out of use is none after its next start either, network or not. */
  #revoked(isRevoked: boolean): void {
    if (this.#identity.now.isRevoked === isRevoked) return;
    this.#identity.change({ isRevoked }).catch((error: unknown) => {
      this.#faults.ofError('identity_not_written', error);
    });
  }

  #serviceNow(): GateService {
    if (this.#identity.now.isRevoked) return 'revoked';
    return this.#gate.caKeys().size === 0 ? 'no_ca_keys' : 'in_service';
  }

  async #endRiders(): Promise<void> {
    const program = this.#program;
    this.#program = null;
    await program?.stop();
  }

  async #close(): Promise<void> {
    await this.#endRiders();
    this.#ending.abort();
    await this.#forwarding?.stop();
    await this.#upkeep?.stop();
    await this.#identity.settled();
    await this.#faults.close();
    await this.#lists.close();
    await this.#journal.close();
  }
}

type Stores = {
  readonly journal: TapJournal;
  readonly lists: ListStore;
  readonly gate: GateLists;
  readonly faults: GateFaults;
};

/** The journal is opened first: who holds it holds the folder. */
async function openStores({ folder, identity, journalStoreAt, ...parts }: GateDeviceParts): Promise<Stores> {
  let gate: GateLists | null = null;
  const journal = await TapJournal.open({
    ...{ directory: folder.journal, storageKey: folder.storageKey, unacknowledgedMax: UNACKNOWLEDGED_MAX },
    firstTapSequence: tapSequence(identity.nextTapSequence),
    ...(journalStoreAt === undefined ? {} : { storeAt: journalStoreAt }),
    limits: () => gate?.parameters().unsent ?? DEFAULT_GATE_PARAMETERS.unsent,
  });
  const undo: (() => Promise<void>)[] = [() => journal.close()];
  try {
    const book = await FaultBook.open(folder.faults);
    undo.push(() => book.close());
    const faults = new GateFaults(book, { clock: parts.clock ?? Date.now, onFault: parts.listener.onFault });
    const lists = await openLists(folder, faults);
    gate = gateLists(lists);
    return { journal, lists, gate, faults };
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

/** Lists that can no longer be read are no loss: the gateway has them. */
async function openLists(folder: DeviceFolder, faults: GateFaults): Promise<ListStore> {
  const settings = { directory: folder.lists, storageKey: folder.storageKey };
  try {
    return await ListStore.open(settings);
  } catch (error) {
    if (!(error instanceof ListFault)) throw error;
    faults.now('lists_lost', error.code);
    await rm(folder.lists, { recursive: true, force: true });
    return ListStore.open(settings);
  }
}
