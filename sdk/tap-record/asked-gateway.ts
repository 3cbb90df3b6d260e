/**
 * How a gate that may ask its gateway came to its decision. Order = code on the wire. The first five asked, the others did not:
 *
 * - judged: the gateway answered within the budget, and the decision is theirs together
 * - late: nothing was heard within the budget
 * - refused: the gateway would not judge, for its load, its database, or the terminal's session
 * - not_understood: what answered is no judgement
 * - unreachable: nobody answers there
 * - used_up: the card took the time that asking needs
 * - resting: others had asked in vain a moment ago
 * - not_needed: the gate had refused by itself
 */
export const ASKING_ENDS = [
  'judged',
  'late',
  'refused',
  'not_understood',
  'unreachable',
  'used_up',
  'resting',
  'not_needed',
] as const;
export type AskingEnd = (typeof ASKING_ENDS)[number];

export type AskedGateway = {
  readonly end: AskingEnd;
  /** what was left of the tap's time for the question, ms; 0 where nobody was asked */
  readonly budgetMs: number;
  /** how long the gate waited, ms, rounded up */
  readonly waitedMs: number;
  /** the hotlist version by which the gateway judged; 0 where it did not */
  readonly hotlistVersion: number;
};

const FIRST_UNASKED = ASKING_ENDS.indexOf('used_up');
const BYTES = 9;

/** Nine bytes: end, budget (2), waited (2), hotlist version (4); big-endian. @throws RangeError for what has no such form */
export function packAsked(asked: AskedGateway): Uint8Array {
  const bytes = Buffer.alloc(BYTES);
  bytes.writeUInt8(ASKING_ENDS.indexOf(asked.end), 0);
  bytes.writeUInt16BE(asked.budgetMs, 1);
  bytes.writeUInt16BE(asked.waitedMs, 3);
  bytes.writeUInt32BE(asked.hotlistVersion, 5);
  return bytes;
}

/** @returns null for bytes of another form, or that say two things: a wait without a question, a version without a judgement */
export function unpackAsked(value: Uint8Array): AskedGateway | null {
  const end = ASKING_ENDS[value[0] ?? ASKING_ENDS.length];
  if (value.length !== BYTES || end === undefined) return null;
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const asked = {
    end,
    budgetMs: bytes.readUInt16BE(1),
    waitedMs: bytes.readUInt16BE(3),
    hotlistVersion: bytes.readUInt32BE(5),
  };
  const wasAsked = ASKING_ENDS.indexOf(end) < FIRST_UNASKED;
  if (!wasAsked && (asked.budgetMs !== 0 || asked.waitedMs !== 0)) return null;
  if (end === 'judged' && asked.waitedMs > asked.budgetMs) return null;
  return end === 'judged' || asked.hotlistVersion === 0 ? asked : null;
}
