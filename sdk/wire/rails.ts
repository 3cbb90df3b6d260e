/** The words that a tap record carries about where and how a tap happened. Order of each list = its code on the wire. */

/** Which act of the card carries the money; design.md "Rails". */
export const RAILS = ['oda', 'offline_purchase', 'online'] as const;
export type Rail = (typeof RAILS)[number];

export const TAP_KINDS = ['entry', 'exit', 'single'] as const;
export type TapKind = (typeof TAP_KINDS)[number];

/** What the gate did: the rider has travelled (open) or not (deny) before the gateway speaks. */
export const GATE_DECISIONS = ['open', 'deny'] as const;
export type GateDecision = (typeof GATE_DECISIONS)[number];
