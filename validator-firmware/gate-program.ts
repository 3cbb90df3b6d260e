import type { CardChannel } from './devices/card-channel.ts';
import type { CardReader, ReaderEvent, ReaderListener } from './devices/card-reader.ts';
import { DeviceFault } from './devices/device-fault.ts';
import type { GateEvent, GateHardware, GateListener } from './devices/gate-hardware.ts';
import { type PassengerKind, type RiderSignal, riderSignalOf } from './gate/rider-signal.ts';
import { JournalFault } from './journal/journal-fault.ts';
import type { RiderSignals } from './rider/load-rider-signals.ts';
import type { TapResult, Validator } from './validator.ts';

/** Something that went wrong at this gate: what, and at which of its parts; never anything of a card. */
export type GateFault = {
  readonly code:
    | 'reader_absent'
    | 'reader_lost'
    | 'card_unreadable'
    | 'gate_board_lost'
    | 'barrier_blocked'
    | 'hotlist_too_old'
    | 'list_too_old'
    | 'journal_full'
    | 'journal_failed'
    | 'tap_failed';
  readonly atMs: number;
  /** a reader's name, a fault's code */
  readonly detail: string | null;
};

export type GateProgramParts = {
  readonly validator: Validator;
  readonly signals: RiderSignals;
  readonly openReader: (listener: ReaderListener) => Promise<CardReader>;
  readonly openHardware: (listener: GateListener) => Promise<GateHardware>;
  /** as what the holder of an opened tap travels, by the concession list that the gate holds */
  readonly passengerOf: (result: TapResult) => PassengerKind;
  readonly onTap: (result: TapResult, signal: RiderSignal, reader: string) => void;
  readonly onFault: (fault: GateFault) => void;
  readonly clock: () => number;
  /** whether riders are served from the start; left out: they are */
  readonly isInService?: boolean;
  /** how long a signal is shown when the card does not leave, ms */
  readonly showMs?: number;
};

const SHOW_MS = 2_500;
/** After so many tears in a row a person should look at the card. */
const TRIES_MAX = 3;
/** Refusals that hold for whoever comes, until they do not any more. */
const STANDING = ['journal_full', 'hotlist_too_old', 'list_too_old'] as const;

/**
 * What runs at a gate from power on to power off: cards come, are tapped one after the other, and the rider is told. The gate says
 * `ready` only while a reader and its board are there; a reader, a board or a driver that goes away stops nothing else, and comes back.
 */
export class GateProgram {
  readonly #parts: GateProgramParts;
  #reader: CardReader | null = null;
  #hardware: GateHardware | null = null;
  #queue: Promise<void> = Promise.resolve();
  #back: NodeJS.Timeout | null = null;
  #isStopping = false;
  readonly #tries = new Map<string, number>();
  readonly #standing = new Set<string>();
  #isInService: boolean;

  private constructor(parts: GateProgramParts) {
    this.#parts = parts;
    this.#isInService = parts.isInService ?? true;
  }

  /** @throws DeviceFault for a device whose library is not installed: that is no fault of the day */
  static async start(parts: GateProgramParts): Promise<GateProgram> {
    const program = new GateProgram(parts);
    program.#hardware = await parts.openHardware((event) => {
      program.#hearBoard(event);
    });
    try {
      program.#reader = await parts.openReader((event) => {
        program.#hearReader(event);
      });
    } catch (error) {
      await program.#hardware.close();
      throw error;
    }
    if (program.#reader.readers.length === 0) program.#fault('reader_absent');
    await program.#showIdle();
    return program;
  }

  /** Whether riders are served from now on; who comes while they are not is told so. */
  setInService(isInService: boolean): void {
    if (this.#isInService === isInService) return;
    this.#isInService = isInService;
    this.#inTurn(() => this.#showIdle());
  }

  /** Takes no further card, finishes the tap under way, tells riders, and lets the devices go. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#queue;
    await this.#reader?.close();
    if (this.#back !== null) clearTimeout(this.#back);
    await this.#hardware?.show(this.#parts.signals.showOf('out_of_service'));
    await this.#hardware?.close();
  }

  #hearReader(event: ReaderEvent): void {
    switch (event.event) {
      case 'card_present':
        this.#inTurn(() => this.#serve(event.card, event.reader));
        return;
      case 'card_unreadable':
        this.#fault('card_unreadable', event.reader);
        this.#inTurn(() => this.#tell(this.#afterTry(event.reader)));
        return;
      case 'card_removed':
        return;
      case 'reader_lost':
        this.#fault('reader_lost', event.reader);
        this.#tries.delete(event.reader);
        this.#inTurn(() => this.#showIdle());
        return;
      case 'reader_ready':
        this.#inTurn(() => this.#showIdle());
        return;
    }
  }

  #hearBoard(event: GateEvent): void {
    if (event.event === 'gate_lost') this.#fault('gate_board_lost');
    if (event.event === 'barrier_blocked') this.#fault('barrier_blocked');
    if (event.event === 'gate_ready') this.#inTurn(() => this.#showIdle());
  }

  async #serve(card: CardChannel, reader: string): Promise<void> {
    if (this.#isStopping) return;
    if (!this.#isInService) {
      await this.#showIdle();
      return;
    }
    // A gate that could not open must not take the card's money.
    if (this.#hardware?.isThere !== true) {
      this.#fault('gate_board_lost', reader);
      return;
    }
    try {
      const result = await this.#parts.validator.tap(card);
      const signal = this.#signalOf(result, reader);
      this.#noteStanding(result);
      await this.#tell(signal);
      this.#parts.onTap(result, signal, reader);
    } catch (error) {
      this.#faultOf(error, reader);
      await this.#tell('other_gate');
    }
  }

  #signalOf(result: TapResult, reader: string): RiderSignal {
    const signal = riderSignalOf(result.outcome, result.decision, () => this.#parts.passengerOf(result));
    if (signal === 'try_again') return this.#afterTry(reader);
    this.#tries.delete(reader);
    return signal;
  }

  #afterTry(reader: string): RiderSignal {
    const tries = (this.#tries.get(reader) ?? 0) + 1;
    this.#tries.set(reader, tries % TRIES_MAX);
    return tries < TRIES_MAX ? 'try_again' : 'see_staff';
  }

  /** A list that is too old and a journal that is full are told once, until they are not any more. */
  #noteStanding({ decision }: TapResult): void {
    if (decision.decision === 'open') {
      this.#standing.clear();
      return;
    }
    const { code, field } = decision.refusal;
    const standing = STANDING.find((known) => known === code);
    if (standing === undefined || this.#standing.has(standing)) return;
    this.#standing.add(standing);
    this.#fault(standing, field ?? null);
  }

  #faultOf(error: unknown, reader: string): void {
    if (error instanceof DeviceFault) this.#fault('reader_lost', reader);
    else if (error instanceof JournalFault) this.#fault('journal_failed', error.code);
    else this.#fault('tap_failed', error instanceof Error ? error.name : null);
  }

  #fault(code: GateFault['code'], detail: string | null = null): void {
    this.#parts.onFault({ code, atMs: this.#parts.clock(), detail });
  }

  async #tell(signal: RiderSignal): Promise<void> {
    if (this.#back !== null) clearTimeout(this.#back);
    const wasShown = await this.#hardware?.show(this.#parts.signals.showOf(signal));
    if (wasShown !== true) this.#fault('gate_board_lost', signal);
    this.#back = setTimeout(() => {
      this.#inTurn(() => this.#showIdle());
    }, this.#parts.showMs ?? SHOW_MS);
  }

  async #showIdle(): Promise<void> {
    if (this.#isStopping || this.#hardware === null) return;
    const hasReader = this.#reader === null || this.#reader.readers.length > 0;
    const isServing = this.#isInService && hasReader;
    await this.#hardware.show(this.#parts.signals.showOf(isServing ? 'ready' : 'out_of_service'));
  }

  /** One rider at a time: there is one barrier. */
  #inTurn(task: () => Promise<void>): void {
    this.#queue = this.#queue.then(task).catch((error: unknown) => {
      this.#faultOf(error, '');
    });
  }
}
