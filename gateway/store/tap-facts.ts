import type { PanToken } from '@tapgate/sdk/wire/identifiers';
import { TAP_OUTCOMES, type TapOutcome } from '@tapgate/sdk/wire/verdict';
import {
  NO_FACTS,
  type DeliveredTap,
  type HotlistBounds,
  type HotlistStay,
  type ReportedAct,
  type TapFacts,
} from '../ingest/tap-facts.ts';
import type { Database } from './connection.ts';
import { hexByteaArray, numberArray, textArray } from './array-literal.ts';
import { faultsTranslated } from './store-fault.ts';

/** The names under which the store knows a tap and its card. */
export type TapKeys = {
  readonly terminalId: string;
  readonly tapSequence: number;
  readonly panToken: PanToken;
  readonly psn: number;
  readonly atc: number;
  /** by the terminal's clock, ms since the Unix epoch */
  readonly tappedAtMs: number;
};

/** One row of one of the arms; what an arm has not is null. */
type FactRow = {
  readonly arm: 'delivered' | 'act' | 'card' | 'hotlist';
  readonly terminal_id: string | null;
  readonly number: number | null;
  readonly pan_token: Uint8Array | null;
  readonly psn: number | null;
  readonly atc: number | null;
  readonly bytes: Uint8Array | null;
  readonly outcome: string | null;
  readonly cause: string | null;
  readonly until: number | null;
  readonly at: Date | null;
};

/**
 * Everything the store knows that bears on these taps, in one query of four arms, each an index look-up for each key. Every
 * arm joins one table to the list of keys (or tables of one card to each other), which PostgreSQL answers from its primary
 * keys and Citus pushes down to its shards. Only where a card was ever on the hotlist, a second query asks which versions its
 * terminal can have held.
 *
 * @returns facts in the order of the keys
 * @throws StoreFault
 */
export async function readTapFacts(database: Database, keys: readonly TapKeys[]): Promise<TapFacts[]> {
  const rows = await faultsTranslated(() => factsQuery(database, keys));
  // What nearly every tap is: nothing of it is known.
  if (rows.length === 0) return keys.map(() => NO_FACTS);
  const found = gather(rows);
  const listed = found.stays.size === 0 ? [] : keys.filter((key) => found.stays.has(cardNameOf(key)));
  const bounds = listed.length === 0 ? NO_BOUNDS : await readBounds(database, listed);
  return keys.map((key) => {
    const card = cardNameOf(key);
    const delivery = `${key.terminalId}|${key.tapSequence}`;
    const known = found.cards.get(card);
    return {
      delivered: found.delivered.get(delivery) ?? null,
      act: found.acts.get(`${card}|${key.atc}`) ?? null,
      highestAtc: known?.highestAtc ?? null,
      verifiedCertificateSm3: known?.certificateSm3 ?? null,
      hotlistStays: found.stays.get(card) ?? [],
      hotlistBounds: bounds.get(delivery) ?? null,
    };
  });
}

type FoundFacts = {
  readonly delivered: Map<string, DeliveredTap>;
  readonly acts: Map<string, ReportedAct>;
  readonly cards: Map<string, { readonly highestAtc: number | null; readonly certificateSm3: Uint8Array }>;
  readonly stays: Map<string, HotlistStay[]>;
};

function gather(rows: readonly FactRow[]): FoundFacts {
  const found: FoundFacts = { delivered: new Map(), acts: new Map(), cards: new Map(), stays: new Map() };
  for (const row of rows) {
    const card = cardName(row.pan_token, row.psn);
    switch (row.arm) {
      case 'delivered':
        found.delivered.set(`${row.terminal_id ?? ''}|${row.number ?? 0}`, {
          recordSm3: present(row.bytes),
          outcome: outcomeOf(row.outcome),
          cause: row.cause,
        });
        break;
      case 'act':
        found.acts.set(`${card}|${row.atc ?? 0}`, {
          terminalId: row.terminal_id ?? '',
          tapSequence: row.number ?? 0,
          cryptogram: present(row.bytes),
        });
        break;
      case 'card':
        found.cards.set(card, { highestAtc: row.atc, certificateSm3: present(row.bytes) });
        break;
      case 'hotlist': {
        const stays = found.stays.get(card) ?? [];
        stays.push({
          addedVersion: row.number ?? 0,
          removedVersion: row.until,
          addedAtMs: present(row.at).getTime(),
        });
        found.stays.set(card, stays);
        break;
      }
    }
  }
  return found;
}

const NO_BOUNDS: ReadonlyMap<string, HotlistBounds> = new Map();

async function readBounds(
  { hot }: Database,
  keys: readonly TapKeys[],
): Promise<ReadonlyMap<string, HotlistBounds>> {
  const parameters = [
    textArray(keys.map((key) => key.terminalId)),
    numberArray(keys.map((key) => key.tapSequence)),
    textArray(keys.map((key) => new Date(key.tappedAtMs).toISOString())),
  ];
  const rows = await faultsTranslated(() =>
    hot.unsafe<BoundsRow[]>(BOUNDS, parameters, { prepare: true }).execute(),
  );
  return new Map(
    rows.map((row) => [
      `${row.terminal_id}|${row.tap_sequence}`,
      { floor: row.floor ?? 0, ceiling: row.ceiling ?? 0 },
    ]),
  );
}

type BoundsRow = {
  readonly terminal_id: string;
  readonly tap_sequence: number;
  readonly floor: number | null;
  readonly ceiling: number | null;
};

/**
 * How old a list may be before whoever opens a gate by it bears the loss himself: what gate parameters have at most, and a day for a
 * terminal that was told late.
 */
const HOTLIST_AGE_PERMITTED = '4 days';
/** A terminal's clock may be ahead of the gateway's by as much as its taps may lie in the future. */
const CLOCKS_APART = '10 minutes';

const FACTS = `
select 'delivered' as arm, t.terminal_id, t.tap_sequence as number, null::bytea as pan_token, null::smallint as psn,
  null::integer as atc, t.record_sm3 as bytes, t.outcome, t.cause, null::integer as until, null::timestamptz as at
from unnest($1::text[], $2::bigint[]) as k (terminal_id, tap_sequence)
join tap_identity t on t.terminal_id = k.terminal_id and t.tap_sequence = k.tap_sequence
union all
select 'act', a.terminal_id, a.tap_sequence, a.pan_token, a.psn, a.atc, a.cryptogram, null, null, null, null
from unnest($3::bytea[], $4::smallint[], $5::integer[]) as k (pan_token, psn, atc)
join card_atc a on a.pan_token = k.pan_token and a.psn = k.psn and a.atc = k.atc
union all
select 'card', null, null, c.pan_token, c.psn,
  (select max(a.atc) from card_atc a where a.pan_token = c.pan_token and a.psn = c.psn),
  c.verified_certificate_sm3, null, null, null, null
from unnest($3::bytea[], $4::smallint[]) as k (pan_token, psn)
join card c on c.pan_token = k.pan_token and c.psn = k.psn
union all
select 'hotlist', null, h.added_version, h.pan_token, h.psn, null, null, null, null, h.removed_version, v.published_at
from unnest($3::bytea[], $4::smallint[]) as k (pan_token, psn)
join hotlist_entry h on h.pan_token = k.pan_token and h.psn = k.psn
join hotlist_version v on v.version = h.added_version`;

const BOUNDS = `
select k.terminal_id, k.tap_sequence,
  greatest(
    (select max(t.version) from terminal_held_version t
      where t.terminal_id = k.terminal_id and t.kind = 'hotlist' and t.since <= k.tapped_at),
    (select v.version from hotlist_version v
      where v.published_at <= k.tapped_at - interval '${HOTLIST_AGE_PERMITTED}' order by v.published_at desc, v.version desc limit 1)) as floor,
  (select v.version from hotlist_version v
    where v.published_at <= k.tapped_at + interval '${CLOCKS_APART}' order by v.published_at desc, v.version desc limit 1) as ceiling
from unnest($1::text[], $2::bigint[], $3::timestamptz[]) as k (terminal_id, tap_sequence, tapped_at)`;

function factsQuery({ hot }: Database, keys: readonly TapKeys[]): Promise<FactRow[]> {
  return hot.unsafe<FactRow[]>(FACTS, factsParameters(keys), { prepare: true });
}

/** The parameters of FACTS: one array a column of the keys. */
export function factsParameters(keys: readonly TapKeys[]): string[] {
  return [
    textArray(keys.map((key) => key.terminalId)),
    numberArray(keys.map((key) => key.tapSequence)),
    hexByteaArray(keys.map((key) => key.panToken)),
    numberArray(keys.map((key) => key.psn)),
    numberArray(keys.map((key) => key.atc)),
  ];
}

function cardNameOf({ panToken, psn }: TapKeys): string {
  return `${panToken}|${psn}`;
}

function cardName(token: Uint8Array | null, psn: number | null): string {
  return token === null ? '' : `${Buffer.from(token).toString('hex').toUpperCase()}|${psn ?? 0}`;
}

function outcomeOf(text: string | null): TapOutcome {
  const outcome = TAP_OUTCOMES.find((known) => known === text);
  if (outcome === undefined) throw new RangeError('a stored outcome is one of the known ones');
  return outcome;
}

function present<Value>(value: Value | null): Value {
  if (value === null) throw new RangeError('a column that its arm fills was null');
  return value;
}
