import { type GateHardware, type GateListener, type GateShow, LAMPS } from './gate-hardware.ts';

/** A gate on a terminal's screen: one line a show. */
export class ConsoleGate implements GateHardware {
  readonly #write: (line: string) => void;
  #isOpen = true;

  constructor(write: (line: string) => void, listener: GateListener = () => undefined) {
    this.#write = write;
    listener({ event: 'gate_ready' });
  }

  get isThere(): boolean {
    return this.#isOpen;
  }

  show(show: GateShow): Promise<boolean> {
    if (this.#isOpen) this.#write(describeShow(show));
    return Promise.resolve(this.#isOpen);
  }

  close(): Promise<void> {
    this.#isOpen = false;
    return Promise.resolve();
  }
}

/** `open | green+blue | 1600Hz/80ms 2000Hz/120ms | zh | en` */
export function describeShow({ barrier, lamps, notes, lines }: GateShow): string {
  const lit = lamps.length === 0 ? 'dark' : LAMPS.filter((lamp) => lamps.includes(lamp)).join('+');
  const heard = notes.map(({ hertz, milliseconds }) => `${hertz}Hz/${milliseconds}ms`).join(' ');
  return [barrier, lit, heard === '' ? 'silent' : heard, lines.zh, lines.en].join(' | ');
}
