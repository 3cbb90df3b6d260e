import { parseAsking, ASKING_DEFAULTS, type AskingParameters } from './asking-parameters.ts';
import { LIST_KIND_NAMES, type ListKind } from './list-kinds.ts';

/** When a list is stale, and what holds then: no card is proven good by it, or travel goes on and the operator bears it. */
export type ListAge = { readonly ageMaxMs: number; readonly stale: 'refuse' | 'open' };
export type ListAges = Readonly<Record<ListKind, ListAge>>;

/** Bounds on what a gate may owe its gateway, in taps that were not acknowledged yet. */
export type UnsentLimits = {
  readonly countMax: number;
  /** fen; each tap counts with what it may cost */
  readonly sumFenMax: number;
  /** of the oldest of them, ms */
  readonly ageMaxMs: number;
};

/** How gates behave, as an operator sets it: the body of the list `gate_parameters`, JSON. */
export type GateParameters = {
  readonly listAges: ListAges;
  /** a second act of the same card within this time is a pass-back, ms; 0 where several riders may share a card */
  readonly passBackWindowMs: number;
  readonly unsent: UnsentLimits;
  /** what a tap whose fare is found later may cost, fen: so it counts in `sumFenMax` */
  readonly tapRiskFen: number;
  /** whether and how long gates ask the gateway before they decide; null, or left out of the JSON: they decide alone */
  readonly asking: AskingParameters | null;
};

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;

/**
 * What holds until an operator says otherwise. Three days without a network stop no rider, whose right nobody can then check; a
 * terminal that was told nothing of its keys for a month is one that somebody has put away.
 */
export const DEFAULT_GATE_PARAMETERS: GateParameters = {
  listAges: {
    hotlist: { ageMaxMs: 3 * DAY_MS, stale: 'open' },
    concessions: { ageMaxMs: 7 * DAY_MS, stale: 'open' },
    ca_keys: { ageMaxMs: 30 * DAY_MS, stale: 'refuse' },
    gate_parameters: { ageMaxMs: 30 * DAY_MS, stale: 'open' },
  },
  passBackWindowMs: 90_000,
  unsent: { countMax: 100_000, sumFenMax: 50_000_000, ageMaxMs: 14 * DAY_MS },
  tapRiskFen: 2_000,
  asking: ASKING_DEFAULTS,
};

/** @returns null for a body that is not gate parameters, each field there (`asking` may be left out) and none besides */
export function parseGateParameters(body: Uint8Array): GateParameters | null {
  const read = parseJson(body);
  const fields = fieldsOf(read, FIELDS) ?? fieldsOf(read, [...FIELDS, 'asking']);
  const asking = parseAsking(fields?.['asking'] ?? null);
  const unsent = fieldsOf(fields?.['unsent'], ['countMax', 'sumFenMax', 'ageMaxMs']);
  const ages = fieldsOf(fields?.['listAges'], LIST_KIND_NAMES);
  if (fields === null || unsent === null || ages === null || asking === undefined) return null;
  const { passBackWindowMs, tapRiskFen } = fields;
  const { countMax, sumFenMax, ageMaxMs } = unsent;
  if (!isCount(passBackWindowMs) || !isCount(tapRiskFen)) return null;
  if (!isCount(countMax) || !isCount(sumFenMax) || !isCount(ageMaxMs)) return null;
  const [hotlist, concessions, caKeys, parameters] = LIST_KIND_NAMES.map((kind) => parseAge(ages[kind]));
  if (!hotlist || !concessions || !caKeys || !parameters) return null;
  return {
    listAges: { hotlist, concessions, ca_keys: caKeys, gate_parameters: parameters },
    ...{ passBackWindowMs, tapRiskFen, unsent: { countMax, sumFenMax, ageMaxMs }, asking },
  };
}

const FIELDS = ['listAges', 'passBackWindowMs', 'unsent', 'tapRiskFen'] as const;

function parseAge(value: unknown): ListAge | null {
  const fields = fieldsOf(value, ['ageMaxMs', 'stale']);
  if (fields === null) return null;
  const { ageMaxMs, stale } = fields;
  return isCount(ageMaxMs) && (stale === 'open' || stale === 'refuse') ? { ageMaxMs, stale } : null;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    return null;
  }
}

function fieldsOf(value: unknown, names: readonly string[]): Readonly<Record<string, unknown>> | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const found = Object.keys(value);
  return found.length === names.length && names.every((name) => found.includes(name))
    ? Object.fromEntries(Object.entries(value))
    : null;
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
