import { createHmac } from 'node:crypto';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import type { ListStatement } from '@tapgate/sdk/lists/list-envelope';
import type { NameListKind } from '@tapgate/sdk/lists/list-kinds';
import { encodeNameListHeader, encodeRight, listKeyIdOf } from '@tapgate/sdk/lists/name-list';
import { pieceHash } from '@tapgate/sdk/lists/piece-hash';
import { SHARE_ALL } from '@tapgate/sdk/lists/roll-out';
import { hotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import type { AnnouncedNames } from './install-names.ts';
import { inPieces } from './name-reader.ts';

// Lists as a gateway would make them, small, for tests.

export const LIST_KEY = createHmac('sha256', 'lists').update('key of the tests').digest();

/** An invented card. */
export function cardOf(index: number): { readonly pan: Pan; readonly panSequenceNumber: string } {
  const pan = Pan.of(`999001${String(index).padStart(12, '0')}`);
  if (pan === null) throw new RangeError('a test card has a number');
  return { pan, panSequenceNumber: '01' };
}

export function nameBytes(card: number): Uint8Array {
  return bytesFromHex(hotlistKey(LIST_KEY, cardOf(card)));
}

export type WrittenList = { readonly statement: ListStatement; readonly body: Buffer };
export type WrittenRight = {
  readonly word: string;
  readonly validFrom: string;
  readonly validTo: string | null;
};
type Rights = readonly (readonly [card: number, rights: readonly WrittenRight[]])[];

export function snapshot(order: {
  readonly kind: NameListKind;
  readonly version: number;
  readonly cards?: readonly number[];
  readonly rights?: Rights;
  readonly shuffled?: boolean;
}): WrittenList {
  return written({ ...order, form: 'snapshot', added: order.cards ?? [], removed: [] });
}

export function delta(order: {
  readonly kind: NameListKind;
  readonly version: number;
  readonly added?: readonly number[];
  readonly rights?: Rights;
  readonly removed: readonly number[];
}): WrittenList {
  return written({ ...order, form: 'delta', added: order.added ?? [] });
}

function written(order: {
  readonly kind: NameListKind;
  readonly form: 'snapshot' | 'delta';
  readonly version: number;
  readonly added: readonly number[];
  readonly rights?: Rights;
  readonly removed: readonly number[];
  readonly shuffled?: boolean;
}): WrittenList {
  const words = [...new Set((order.rights ?? []).flatMap(([, of]) => of.map(({ word }) => word)))].sort();
  const entries = [
    ...order.added.map(nameBytes),
    ...(order.rights ?? []).flatMap(([card, of]) =>
      of.map((right) =>
        Buffer.concat([nameBytes(card), encodeRight({ ...right, word: words.indexOf(right.word) })]),
      ),
    ),
  ].sort((a, b) => Buffer.compare(a, b));
  if (order.shuffled === true) entries.reverse();
  const { kind, form, version } = order;
  const header = encodeNameListHeader({
    ...{ kind, form, version, words, listKeyId: listKeyIdOf(LIST_KEY) },
    baseVersion: form === 'snapshot' ? 0 : version - 1,
    removed: order.removed.length,
    added: entries.length,
  });
  const body = Buffer.concat([
    header,
    ...order.removed.map(nameBytes).sort((a, b) => Buffer.compare(a, b)),
    ...entries,
  ]);
  const statement: ListStatement = {
    ...{ kind, version, baseVersion: form === 'snapshot' ? null : version - 1 },
    ...{ validFromMs: 0, madeAtMs: version * 1_000, scope: { kind: 'all' }, sharePermille: SHARE_ALL },
    ...{ bodyBytes: body.length, bodySm3: pieceHash(body), listKeyId: listKeyIdOf(LIST_KEY) },
  };
  return { statement, body };
}

export function announced({ statement, body }: WrittenList): AnnouncedNames {
  return { statement, listKey: LIST_KEY, body: inPieces(body) };
}
