import { randomFillSync } from 'node:crypto';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import { writeListStatement, parseListStatement, type ListStatement } from '@tapgate/sdk/lists/list-envelope';
import { encodeNameListHeader, listKeyIdOf, NAME_BYTES } from '@tapgate/sdk/lists/name-list';
import { PieceHash } from '@tapgate/sdk/lists/piece-hash';
import { SHARE_ALL } from '@tapgate/sdk/lists/roll-out';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { hotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';

/** Under this key the cards of the bench are named; a real one comes from the gateway. */
export const LIST_KEY = hmacSm3(Buffer.from('bench'), Buffer.from('list key'));

/** Card `index` of a range of invented numbers; those of another `range` are other cards. */
export function benchCard(
  range: 'good' | 'listed',
  index: number,
): { readonly pan: Pan; readonly panSequenceNumber: string } {
  const pan = Pan.of(`99900${range === 'good' ? 1 : 2}${String(index).padStart(13, '0')}`);
  if (pan === null) throw new RangeError('a bench card has a number');
  return { pan, panSequenceNumber: '01' };
}

const GROUP_BITS = 12;

/**
 * A snapshot of so many names, of which the first `listed` are those of bench cards and the others are random, in pieces as it would
 * come. Random names stand for cards: a name is a keyed hash, and nothing in it tells.
 */
export function* hotlistSnapshot(names: number, listed: number): Generator<Uint8Array> {
  const own = Array.from({ length: listed }, (_, index) =>
    Buffer.from(bytesFromHex(hotlistKey(LIST_KEY, benchCard('listed', index)))),
  );
  yield encodeNameListHeader({
    ...{ kind: 'hotlist', form: 'snapshot', version: 1, baseVersion: 0 },
    ...{ listKeyId: listKeyIdOf(LIST_KEY), words: [], removed: 0, added: names },
  });
  const groups = 1 << GROUP_BITS;
  let left = names - listed;
  for (let group = 0; group < groups; group++) {
    const count = Math.round(left / (groups - group));
    left -= count;
    const random = Buffer.alloc(count * NAME_BYTES);
    randomFillSync(random);
    const members = own.filter((name) => name.readUInt16BE(0) >>> (16 - GROUP_BITS) === group);
    for (let at = 0; at < random.length; at += NAME_BYTES) {
      random.writeUInt16BE(((group << (16 - GROUP_BITS)) | (random.readUInt16BE(at) & 0xf)) >>> 0, at);
      members.push(random.subarray(at, at + NAME_BYTES));
    }
    yield Buffer.concat(members.sort((a, b) => a.compare(b)));
  }
}

/** A delta of so many added names, none of them a bench card. */
export function hotlistDelta(version: number, names: number): Uint8Array {
  const added = Array.from({ length: names }, () => randomFillSync(Buffer.alloc(NAME_BYTES)));
  const header = encodeNameListHeader({
    ...{ kind: 'hotlist', form: 'delta', version, baseVersion: version - 1 },
    ...{ listKeyId: listKeyIdOf(LIST_KEY), words: [], removed: 0, added: names },
  });
  return Buffer.concat([header, ...added.sort((a, b) => a.compare(b))]);
}

/** What a gateway would sign of a body. */
export function statementOf(
  body: Iterable<Uint8Array>,
  order: { readonly version: number; readonly baseVersion: number | null; readonly nowMs: number },
): ListStatement {
  const hash = new PieceHash();
  let bodyBytes = 0;
  for (const part of body) {
    hash.update(part);
    bodyBytes += part.length;
  }
  const statement = parseListStatement(
    writeListStatement({
      ...{ kind: 'hotlist', version: order.version, baseVersion: order.baseVersion },
      ...{
        validFromMs: order.nowMs,
        madeAtMs: order.nowMs,
        scope: { kind: 'all' },
        sharePermille: SHARE_ALL,
      },
      ...{ bodyBytes, bodySm3: hash.digest(), listKeyId: listKeyIdOf(LIST_KEY) },
    }),
  );
  if (statement === null) throw new RangeError('a statement of the bench reads back');
  return statement;
}
