import type { PanToken } from '@tapgate/sdk/wire/identifiers';
import type { DraftFacts } from '../ingest/judge-draft.ts';
import { hexByteaArray, numberArray } from './array-literal.ts';
import type { Database } from './connection.ts';
import { faultsTranslated } from './store-fault.ts';

export type DraftKeys = { readonly panToken: PanToken; readonly psn: number; readonly atc: number };

type FactRow = {
  readonly arm: 'act' | 'listed' | 'newest';
  readonly pan_token: Uint8Array | null;
  readonly number: number;
  readonly version: number | null;
};

/** Three arms, each an index look-up for each key, as in tap-facts.ts and for its reasons. */
const FACTS = `
select 'act' as arm, a.pan_token, a.psn::integer as number, a.atc as version
from unnest($1::bytea[], $2::smallint[], $3::integer[]) as k (pan_token, psn, atc)
join card_atc a on a.pan_token = k.pan_token and a.psn = k.psn and a.atc = k.atc
union all
select 'listed', h.pan_token, h.psn::integer, null
from unnest($1::bytea[], $2::smallint[]) as k (pan_token, psn)
join hotlist_entry h on h.pan_token = k.pan_token and h.psn = k.psn and h.removed_version is null
union all
(select 'newest', null, 0, v.version from hotlist_version v order by v.version desc limit 1)`;

/**
 * What the store knows that bears on these acts, in one query. Nothing is locked and nothing written.
 *
 * @returns facts in the order of the keys
 * @throws StoreFault
 */
export async function readDraftFacts({ hot }: Database, keys: readonly DraftKeys[]): Promise<DraftFacts[]> {
  const parameters = [
    hexByteaArray(keys.map((key) => key.panToken)),
    numberArray(keys.map((key) => key.psn)),
    numberArray(keys.map((key) => key.atc)),
  ];
  const rows = await faultsTranslated(() => hot.unsafe<FactRow[]>(FACTS, parameters, { prepare: true }));
  const acts = new Set<string>();
  const listed = new Set<string>();
  let hotlistVersion = 0;
  for (const { arm, pan_token, number, version } of rows) {
    if (arm === 'newest') hotlistVersion = version ?? 0;
    else if (arm === 'act') acts.add(`${cardName(pan_token, number)}|${version ?? 0}`);
    else listed.add(cardName(pan_token, number));
  }
  return keys.map(({ panToken, psn, atc }) => ({
    isActReported: acts.has(`${panToken}|${psn}|${atc}`),
    isListed: listed.has(`${panToken}|${psn}`),
    hotlistVersion,
  }));
}

const cardName = (token: Uint8Array | null, psn: number): string =>
  `${Buffer.from(token ?? [])
    .toString('hex')
    .toUpperCase()}|${psn}`;
