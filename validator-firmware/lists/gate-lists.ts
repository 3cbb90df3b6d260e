import { buildCaKeyTable, type CaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import type { Pan } from '@tapgate/sdk/emv/card-identity';
import { parseCaKeyList } from '@tapgate/sdk/lists/ca-key-list';
import {
  DEFAULT_GATE_PARAMETERS,
  parseGateParameters,
  type GateParameters,
} from '@tapgate/sdk/lists/gate-parameters';
import { listStandings, staleListRefusal, type ListStanding } from './list-ages.ts';
import type { GatePolicy } from '../gate/decide-gate.ts';
import { hotlistOfKeys, type HotlistSnapshot } from '../gate/hotlist-snapshot.ts';
import type { HeldList, HeldRight } from './held-list.ts';
import type { ListStore } from './list-store.ts';

/** What a gate asks of its lists, tap by tap: the settings of a validator take these functions as they are. */
export type GateLists = {
  readonly hotlist: () => HotlistSnapshot;
  readonly parameters: () => GateParameters;
  /** null while the default ones hold */
  readonly parametersVersion: () => number | null;
  /** none before the first sync: no card can be proven then */
  readonly caKeys: () => CaKeyTable;
  readonly policy: () => GatePolicy;
  readonly standings: (nowMs: number) => readonly ListStanding[];
  readonly staleList: (nowMs: number) => ReturnType<typeof staleListRefusal>;
  /** the rights of a card on a calendar date of the terminal; none where the list is stale, for then nobody knows */
  readonly rightsOf: (
    card: { readonly pan: Pan; readonly panSequenceNumber: string },
    at: { readonly localDate: string; readonly nowMs: number },
  ) => readonly HeldRight[];
};

/** Before the first sync: nobody is listed, and the list is as old as can be. */
const NO_HOTLIST = hotlistOfKeys({ version: 0, publishedAtMs: 0, listKey: new Uint8Array(32) }, []);

const NO_CA_KEYS = buildCaKeyTable([]);

export function gateLists(lists: ListStore): GateLists {
  let keysRead: { readonly from: HeldList; readonly table: CaKeyTable } | null = null;
  const caKeys = (): CaKeyTable => {
    const held = lists.held('ca_keys');
    if (held === null) return NO_CA_KEYS;
    if (keysRead?.from !== held)
      keysRead = { from: held, table: buildCaKeyTable(parseCaKeyList(held.body()) ?? []) };
    return keysRead.table;
  };
  let read: { readonly from: HeldList; readonly parameters: GateParameters } | null = null;
  const parameters = (): GateParameters => {
    const held = lists.held('gate_parameters');
    if (held === null) return DEFAULT_GATE_PARAMETERS;
    // Parsed again only when another version is in use.
    if (read?.from !== held) {
      read = { from: held, parameters: parseGateParameters(held.body()) ?? DEFAULT_GATE_PARAMETERS };
    }
    return read.parameters;
  };
  const standings = (nowMs: number): readonly ListStanding[] =>
    listStandings((kind) => lists.held(kind)?.publishedAtMs ?? null, parameters().listAges, nowMs);
  return {
    hotlist: () => lists.held('hotlist') ?? NO_HOTLIST,
    parameters,
    parametersVersion: () => lists.held('gate_parameters')?.version ?? null,
    caKeys,
    policy: () => {
      const { listAges, passBackWindowMs } = parameters();
      const { ageMaxMs, stale } = listAges.hotlist;
      return { hotlistAgeMaxMs: ageMaxMs, staleHotlist: stale, passBackWindowMs };
    },
    standings,
    staleList: (nowMs) => staleListRefusal(standings(nowMs), parameters().listAges),
    rightsOf: (card, { localDate, nowMs }) => {
      const held = lists.held('concessions');
      const isStale = standings(nowMs).some((list) => list.kind === 'concessions' && list.isStale);
      if (held === null || isStale) return [];
      return held
        .rightsOf(held.nameOf(card))
        .filter((right) => right.validFrom <= localDate && localDate <= (right.validTo ?? localDate));
    },
  };
}
