/**
 * The phases of one contactless tap, in the order of the specification. `tap-transaction.ts` runs them; each names where its
 * rules stand in pboc-contactless.md. Application selection and processing options repeat for the next candidate.
 */
export const PHASES = [
  { name: 'pre_processing', clause: '2.1' },
  { name: 'directory', clause: '2.2 row 1, 2.3' },
  { name: 'application_selection', clause: '1.3, 2.2 row 2' },
  { name: 'processing_options', clause: '2.2 row 3, 2.4' },
  { name: 'card_data', clause: '2.2 row 5, 2.6' },
  { name: 'card_decision', clause: '2.5 row 9F27, 2.7' },
  { name: 'data_authentication', clause: '4' },
  { name: 'restrictions', clause: '2.7, 3' },
  { name: 'outcome', clause: '2.7' },
] as const;
export type KernelPhase = (typeof PHASES)[number]['name'];

/** One line of the reason trace: what a phase found, in a constant word. No value of a card is ever in it. */
export type TraceEntry = {
  readonly phase: KernelPhase;
  readonly finding: string;
  /** of the response that led to it, e.g. 6985 */
  readonly statusWord?: string;
};
