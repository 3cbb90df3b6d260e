import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { CardChannel } from './card-channel.ts';
import type { CardReader, ReaderListener } from './card-reader.ts';
import { DeviceFault, type DeviceFaultCode } from './device-fault.ts';
import type { FromReaderProcess, ToReaderProcess } from './pcsc-messages.ts';

export type PcscSettings = {
  /** the daemon's socket where it is not the system's own */
  readonly socketPath?: string;
  /** another package with the interface of `nfc-pcsc` */
  readonly library?: string;
};

/** A driver that is silent for so long is broken, ms; the slowest card answers in a tenth of it. */
const ANSWER_TIMEOUT_MS = 5_000;
/** Waits before a new reader process, ms: a driver that dies at once must not take the machine with it. */
const RESTART_DELAYS_MS = [100, 250, 500, 1_000, 2_000, 4_000] as const;
/** A process that lived so long was a good one, ms. */
const GOOD_LIFE_MS = 30_000;

const PROCESS_FILE = fileURLToPath(new URL('./pcsc-reader-process.ts', import.meta.url));

type Question = {
  readonly resolve: (response: Uint8Array | null) => void;
  readonly reject: (fault: DeviceFault) => void;
  readonly timer: NodeJS.Timeout;
};

/** Readers of the machine's PC/SC daemon, in a process of their own. */
class PcscReader implements CardReader {
  readonly #listener: ReaderListener;
  readonly #settings: PcscSettings;
  readonly #readers = new Set<string>();
  readonly #questions = new Map<number, Question>();
  #process: ChildProcess | null = null;
  #generation = 0;
  #exchanges = 0;
  #isClosed = false;
  #failures = 0;
  #restart: NodeJS.Timeout | null = null;

  constructor(listener: ReaderListener, settings: PcscSettings) {
    this.#listener = listener;
    this.#settings = settings;
  }

  get readers(): readonly string[] {
    return [...this.#readers];
  }

  /** @returns once the process says how it stands @throws DeviceFault pcsc_library_absent */
  async start(): Promise<void> {
    const isLoaded = await new Promise<boolean>((resolve) => {
      this.#startProcess(resolve);
    });
    if (isLoaded) return;
    await this.close();
    throw new DeviceFault('pcsc_library_absent');
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    this.#endQuestions('reader_closed');
    this.#readers.clear();
    const child = this.#process;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    // Its native threads may sit in a call that never ends: nothing in it needs a farewell.
    child.kill('SIGKILL');
    await exited;
  }

  #startProcess(onOpened: (isLoaded: boolean) => void): void {
    const { socketPath, library } = this.#settings;
    const startedAt = performance.now();
    const child = fork(PROCESS_FILE, library === undefined ? [] : [library], {
      execArgv: ['--import', import.meta.resolve('tsx')],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      env: { ...process.env, ...(socketPath === undefined ? {} : { PCSCLITE_CSOCK_NAME: socketPath }) },
    });
    this.#process = child;
    this.#generation++;
    child.on('message', (message: FromReaderProcess) => {
      if (this.#isClosed) return;
      if (message.kind === 'opened') onOpened(true);
      else if (message.kind === 'library_absent') onOpened(false);
      else this.#hear(message);
    });
    child.on('error', () => undefined);
    child.on('exit', () => {
      this.#endProcess(performance.now() - startedAt, onOpened);
    });
  }

  #endProcess(livedMs: number, onOpened: (isLoaded: boolean) => void): void {
    this.#process = null;
    if (this.#isClosed) return;
    this.#endQuestions('reader_lost');
    const lost = this.readers;
    this.#readers.clear();
    for (const reader of lost) this.#listener({ event: 'reader_lost', reader });
    this.#failures = livedMs >= GOOD_LIFE_MS ? 0 : this.#failures + 1;
    const delayMs = RESTART_DELAYS_MS[this.#failures] ?? RESTART_DELAYS_MS.at(-1);
    this.#restart = setTimeout(() => {
      this.#startProcess(onOpened);
    }, delayMs);
  }

  #hear(message: Exclude<FromReaderProcess, { kind: 'opened' | 'library_absent' }>): void {
    switch (message.kind) {
      case 'answered':
        this.#answer(message.exchange, message.response);
        return;
      case 'reader_ready':
        this.#readers.add(message.reader);
        this.#listener({ event: 'reader_ready', reader: message.reader });
        return;
      case 'reader_lost':
        if (this.#readers.delete(message.reader))
          this.#listener({ event: 'reader_lost', reader: message.reader });
        return;
      case 'card_present':
        this.#listener({
          event: 'card_present',
          reader: message.reader,
          card: this.#channel(message.reader, message.presentation),
        });
        return;
      case 'card_unreadable':
      case 'card_removed':
        this.#listener({ event: message.kind, reader: message.reader });
        return;
    }
  }

  #channel(reader: string, presentation: number): CardChannel {
    const generation = this.#generation;
    return {
      transmit: (command) => {
        if (this.#isClosed) return Promise.reject(new DeviceFault('reader_closed'));
        const isLost = generation !== this.#generation || !this.#readers.has(reader);
        if (isLost) return Promise.reject(new DeviceFault('reader_lost'));
        return this.#ask({ kind: 'transmit', exchange: ++this.#exchanges, reader, presentation, command });
      },
    };
  }

  #ask(question: ToReaderProcess): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#process?.kill('SIGKILL'), ANSWER_TIMEOUT_MS);
      this.#questions.set(question.exchange, { resolve, reject, timer });
      // A pipe that is already broken is told by the exit of the process.
      this.#process?.send(question, () => undefined);
    });
  }

  #answer(exchange: number, response: Uint8Array | null): void {
    const question = this.#questions.get(exchange);
    if (question === undefined) return;
    this.#questions.delete(exchange);
    clearTimeout(question.timer);
    question.resolve(response);
  }

  #endQuestions(code: DeviceFaultCode): void {
    for (const { reject, timer } of this.#questions.values()) {
      clearTimeout(timer);
      reject(new DeviceFault(code));
    }
    this.#questions.clear();
  }
}

/**
 * Opens every reader that the machine's PC/SC daemon knows, or will know: a daemon that is not there yet is waited for.
 *
 * @throws DeviceFault pcsc_library_absent where `nfc-pcsc` was not built at install
 */
export async function openPcscReader(
  listener: ReaderListener,
  settings: PcscSettings = {},
): Promise<CardReader> {
  const reader = new PcscReader(listener, settings);
  await reader.start();
  return reader;
}
