import { readFileSync } from 'node:fs';

/** How a gate asks its gateway before it decides; each in ms but the count. */
export type AskingParameters = {
  /** what a tap may take from the card in the field to the decision */
  readonly tapMs: number;
  /** of it what stays for the journal and the barrier, after the answer */
  readonly keepMs: number;
  /** with less left than this nobody is asked */
  readonly leastMs: number;
  /** so many questions in a row without a judgement in time, and the gate decides alone for a while */
  readonly failuresMax: number;
  /** for how long at first; it doubles while nothing is heard */
  readonly restMs: number;
  readonly restMaxMs: number;
};

const NAMES = ['tapMs', 'keepMs', 'leastMs', 'failuresMax', 'restMs', 'restMaxMs'] as const;
/** A record has two bytes for a budget in ms. */
const TAP_MS_MAX = 60_000;

/** @returns null where gates shall not ask, undefined for what is no such parameters */
export function parseAsking(value: unknown): AskingParameters | null | undefined {
  if (value === null) return null;
  if (typeof value !== 'object') return undefined;
  const fields: Readonly<Record<string, unknown>> = Object.fromEntries(Object.entries(value));
  if (Object.keys(fields).length !== NAMES.length) return undefined;
  const [tapMs, keepMs, leastMs, failuresMax, restMs, restMaxMs] = NAMES.map((name) => countOf(fields[name]));
  if (tapMs === undefined || keepMs === undefined || leastMs === undefined) return undefined;
  if (failuresMax === undefined || restMs === undefined || restMaxMs === undefined) return undefined;
  return tapMs <= TAP_MS_MAX ? { tapMs, keepMs, leastMs, failuresMax, restMs, restMaxMs } : undefined;
}

/** A whole number above zero. */
const countOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined;

/** What holds until an operator says otherwise: asking-defaults.json, where each value has its source. */
export const ASKING_DEFAULTS: AskingParameters = readDefaults();

/** @throws RangeError for a file that is none */
function readDefaults(): AskingParameters {
  const file: unknown = JSON.parse(readFileSync(new URL('asking-defaults.json', import.meta.url), 'utf8'));
  const entries = Object.entries(file ?? {}).map(([name, entry]) => [name, valueOf(entry)] as const);
  const parameters = parseAsking(Object.fromEntries(entries));
  if (parameters === null || parameters === undefined) throw new RangeError('asking-defaults.json');
  return parameters;
}

function valueOf(entry: unknown): unknown {
  return typeof entry === 'object' && entry !== null && 'value' in entry ? entry.value : undefined;
}
