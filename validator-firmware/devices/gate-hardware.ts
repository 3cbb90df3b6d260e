export const LAMPS = ['red', 'amber', 'green', 'blue'] as const;
export type Lamp = (typeof LAMPS)[number];

/** Notes that one signal may have. */
export const NOTES_MAX = 4;
/** One line of the display, UTF-8. */
export const DISPLAY_LINE_BYTES_MAX = 60;

/** What the hardware of a gate does at once: barrier, lamps, buzzer, and a display line in each language. */
export type GateShow = {
  readonly barrier: 'open' | 'shut';
  readonly lamps: readonly Lamp[];
  readonly notes: readonly { readonly hertz: number; readonly milliseconds: number }[];
  readonly lines: { readonly zh: string; readonly en: string };
};

/** What the hardware says by itself. */
export type GateEvent =
  /** somebody went through */
  | { readonly event: 'passage' }
  /** the barrier cannot move as it was told */
  | { readonly event: 'barrier_blocked' }
  | { readonly event: 'gate_lost' }
  /** the board is there, for the first time or again */
  | { readonly event: 'gate_ready' };

/** Barrier, lamps, buzzer and display of one gate. A board that was lost is looked for and comes back by itself. */
export interface GateHardware {
  /** whether a show would be seen: a gate without its board must not take a card, because it could not open */
  readonly isThere: boolean;
  /** @returns false when nothing was shown, because the board is gone */
  show(show: GateShow): Promise<boolean>;
  close(): Promise<void>;
}

export type GateListener = (event: GateEvent) => void;
