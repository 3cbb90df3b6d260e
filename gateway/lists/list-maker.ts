import { hex } from '@tapgate/sdk/emv/hex';
import { HmacSm3Key } from '@tapgate/sdk/gm/sm3';
import { listSigningMessage, writeListStatement, type ListScope } from '@tapgate/sdk/lists/list-envelope';
import { DEFAULT_GATE_PARAMETERS } from '@tapgate/sdk/lists/gate-parameters';
import type { ListKind } from '@tapgate/sdk/lists/list-kinds';
import { encodeNameListHeader, encodeRight, listKeyIdOf, NAME_BYTES } from '@tapgate/sdk/lists/name-list';
import { SHARE_ALL } from '@tapgate/sdk/lists/roll-out';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import type { KeyProvider } from '../keys/key-provider.ts';
import { streamActiveEnrolments } from '../store/concession-enrolments.ts';
import type { Database } from '../store/connection.ts';
import { concessionDelta } from './concession-delta.ts';
import { changesOf, countNamesOf, namesOf, newestHotlist, renameListed } from '../store/hotlist-names.ts';
import { publishFirstHotlist, type CardListing } from '../store/hotlist.ts';
import {
  findPublishedList,
  publishBody,
  readNewestWhole,
  readPiece,
  readPublishedLists,
  renewEnvelope,
  type ListForm,
  type NewList,
  type PublishedList,
} from '../store/lists.ts';
import { pieceHash } from '@tapgate/sdk/lists/piece-hash';
import { readCaKeyRows } from '../store/reference-data.ts';

/** A hotlist gets a whole body again after so many deltas: what a terminal without any has to read. */
const DELTAS_PER_WHOLE = 50;
/** A word on a version is renewed when it is this old: lists' ages on terminals are counted in days. */
export const WORD_AGE_MAX_MS = 15 * 60 * 1000;

const ALL: ListScope = { kind: 'all' };
const TEXT = new TextEncoder();

/** For whom a new version is. */
export type RollOut = { readonly sharePermille: number; readonly scope: ListScope };
export const TO_ALL: RollOut = { sharePermille: SHARE_ALL, scope: ALL };

/** Makes the lists that terminals take, signs them, and says again from time to time which is the one to have. */
export class ListMaker {
  readonly #database: Database;
  readonly #keys: KeyProvider;
  readonly #listKeyId: string;
  readonly #nameKey: HmacSm3Key;
  #changes = 0;

  constructor(database: Database, keys: KeyProvider) {
    this.#database = database;
    this.#keys = keys;
    this.#listKeyId = listKeyIdOf(keys.listKey());
    this.#nameKey = new HmacSm3Key(keys.listKey());
  }

  /** Rises with everything that is published or said again by this process. */
  get changes(): number {
    return this.#changes;
  }

  get listKeyId(): string {
    return this.#listKeyId;
  }

  /** How a card goes onto lists: its number sealed, and its name under the list key of today. */
  listingOf(card: { readonly pan: string; readonly psn: number }): CardListing {
    return {
      panSealed: this.#keys.seal(TEXT.encode(card.pan), panContext(this.#keys.panToken(card.pan))),
      listName: this.#nameOf(card.pan, card.psn),
      listKeyId: this.#listKeyId,
    };
  }

  /**
   * What a gateway that has published nothing yet tells its terminals: nobody is stopped, and what holds anyway is how gates behave. A list
   * that never came is a stale one, so that without these a new city would be out of order until somebody is stopped.
   */
  async makeFirst(nowMs: number): Promise<void> {
    await publishFirstHotlist(this.#database, nowMs);
    const name = { kind: 'gate_parameters', version: 1, form: 'whole', listKeyId: null } as const;
    const body = TEXT.encode(JSON.stringify(DEFAULT_GATE_PARAMETERS));
    await publishBody(this.#database, this.#announced(name, TO_ALL, nowMs), () => once(body));
    await this.makeDue(nowMs);
  }

  /** Makes every list that is due: a hotlist version without its bodies, concessions or authority keys that have changed. */
  async makeDue(nowMs: number): Promise<void> {
    await this.#makeHotlist(nowMs);
    await this.#makeConcessions(nowMs);
    await this.#makeCaKeys(nowMs);
  }

  /** The hotlist version of that number in the forms that terminals need. A restored one is whole as well. */
  async #makeHotlist(nowMs: number): Promise<void> {
    const newest = await newestHotlist(this.#database);
    if (newest === null) return;
    const published = await readPublishedLists(this.#database, 'hotlist');
    const ofThisKey = published.filter((list) => list.listKeyId === this.#listKeyId);
    const made = Math.max(0, ...ofThisKey.map((list) => list.version));
    const lastWhole = Math.max(
      0,
      ...ofThisKey.filter((list) => list.form === 'whole').map((list) => list.version),
    );
    if (made === newest.version && lastWhole > 0) return;
    await renameListed(this.#database, {
      listKeyId: this.#listKeyId,
      nameOf: ({ panToken, psn, panSealed }) => {
        const pan = new TextDecoder().decode(this.#keys.open(panSealed, panContext(hex(panToken))));
        return this.#nameOf(pan, psn);
      },
    });
    for (let version = made + 1; made > 0 && version <= newest.version; version++)
      await this.#publishHotlistDelta(version, nowMs);
    if (lastWhole === 0 || newest.version - lastWhole >= DELTAS_PER_WHOLE)
      await this.makeWholeHotlist(newest.version, nowMs);
  }

  async makeWholeHotlist(version: number, nowMs: number): Promise<void> {
    const listKeyId = this.#listKeyId;
    await publishBody(
      this.#database,
      this.#announced({ kind: 'hotlist', version, form: 'whole', listKeyId }, TO_ALL, nowMs),
      async function* (transaction) {
        const added = await countNamesOf(transaction, version);
        const form = { kind: 'hotlist', form: 'snapshot', baseVersion: 0, words: [], removed: 0 } as const;
        yield encodeNameListHeader({ ...form, version, listKeyId, added });
        yield* namesOf(transaction, version);
      },
    );
  }

  async #publishHotlistDelta(version: number, nowMs: number): Promise<void> {
    const listKeyId = this.#listKeyId;
    await publishBody(
      this.#database,
      this.#announced({ kind: 'hotlist', version, form: 'delta', listKeyId }, TO_ALL, nowMs),
      async function* (transaction) {
        const { removed, added } = await changesOf(transaction, version);
        const form = { kind: 'hotlist', form: 'delta', baseVersion: version - 1, words: [] } as const;
        const counts = { removed: removed.length, added: added.length };
        yield encodeNameListHeader({ ...form, ...counts, version, listKeyId });
        yield Buffer.concat([...removed, ...added]);
      },
    );
  }

  /** The rights that hold today, as a whole body: a city's seniors are some megabytes. Made anew when a right has come or gone. */
  async #makeConcessions(nowMs: number): Promise<void> {
    const date = isoDate(new Date(nowMs).toISOString().slice(0, 10));
    const rights: {
      readonly name: Uint8Array;
      readonly category: string;
      readonly lastDay: string | null;
    }[] = [];
    for await (const piece of streamActiveEnrolments(this.#database, this.#keys, { date, atMs: nowMs })) {
      for (const { pan, psn, category, lastDay } of piece)
        rights.push({ name: this.#nameOf(pan, psn), category, lastDay });
    }
    const words = [...new Set(rights.map(({ category }) => category))].sort();
    const entries = rights
      .map(({ name, category, lastDay }) =>
        Buffer.concat([
          name,
          // The list says who has a right from now on; since when is the register's business.
          encodeRight({ word: words.indexOf(category), validFrom: EVER_SINCE, validTo: lastDay }),
        ]),
      )
      .sort((a, b) => a.compare(b));
    const only = entries.filter((entry, place) => !isSameRight(entry, entries[place + 1]));
    const bodyOf = (version: number): Uint8Array =>
      Buffer.concat([
        encodeNameListHeader({
          ...{ kind: 'concessions', form: 'snapshot', version, baseVersion: 0, words },
          ...{ listKeyId: this.#listKeyId, removed: 0, added: only.length },
        }),
        ...only,
      ]);
    const before = await this.#publishWhenChanged('concessions', bodyOf, nowMs);
    if (before !== null && before.listKeyId === this.#listKeyId)
      await this.#publishConcessionDelta(before, bodyOf(before.version + 1), nowMs);
  }

  /** What has changed since the version before, for those who have that one: a morning's enrolments instead of the city's rights. */
  async #publishConcessionDelta(before: PublishedList, whole: Uint8Array, nowMs: number): Promise<void> {
    const pieces: Uint8Array[] = [];
    for (let pieceNo = 0; ; pieceNo++) {
      const piece = await readPiece(this.#database, before, pieceNo);
      if (piece === null) break;
      pieces.push(piece);
    }
    const delta = concessionDelta(Buffer.concat(pieces), whole);
    if (delta === null || delta.length >= whole.length) return;
    const { version } = before;
    const name = { kind: 'concessions', version: version + 1, form: 'delta' } as const;
    const list = this.#announced({ ...name, listKeyId: this.#listKeyId }, TO_ALL, nowMs);
    await publishBody(this.#database, list, () => once(delta));
  }

  /** The keys of authorities that terminals check cards with. */
  async #makeCaKeys(nowMs: number): Promise<void> {
    const rows = await readCaKeyRows(this.#database);
    const body = TEXT.encode(JSON.stringify({ caKeys: rows }));
    await this.#publishWhenChanged('ca_keys', () => body, nowMs);
  }

  /** A list of no cards as an operator has written it. @returns its version */
  async publishJson(
    kind: 'gate_parameters',
    body: Uint8Array,
    rollOut: RollOut,
    nowMs: number,
  ): Promise<number> {
    const version = ((await readNewestWhole(this.#database, kind))?.version ?? 0) + 1;
    const list = this.#announced({ kind, version, form: 'whole', listKeyId: null }, rollOut, nowMs);
    const isWritten = await publishBody(this.#database, list, () => once(body));
    return isWritten ? version : this.publishJson(kind, body, rollOut, nowMs);
  }

  /** The body of an earlier version as the next one. @returns null when there is no such version */
  async restoreJson(kind: 'gate_parameters', earlier: number, nowMs: number): Promise<number | null> {
    const body = await readPiece(this.#database, { kind, version: earlier, form: 'whole' }, 0);
    return body === null ? null : this.publishJson(kind, body, TO_ALL, nowMs);
  }

  /** Says again of every form of a version for whom it is. @returns false when there is no such version */
  async rollOut(kind: ListKind, version: number, rollOut: RollOut, nowMs: number): Promise<boolean> {
    const forms = await Promise.all(
      (['whole', 'delta'] as const).map((form) => findPublishedList(this.#database, { kind, version, form })),
    );
    const found = forms.filter((list) => list !== null);
    for (const list of found) await this.say(list, rollOut, nowMs);
    return found.length > 0;
  }

  /** Signs a newer word on a body that is there. */
  async say(list: PublishedList, rollOut: RollOut, nowMs: number): Promise<PublishedList> {
    const { kind, version, form, listKeyId, bodyBytes, bodySm3, validFromMs } = list;
    const said = this.#announced({ kind, version, form, listKeyId }, rollOut, nowMs, validFromMs);
    const word = said.announce({ bodyBytes, bodySm3 });
    await renewEnvelope(this.#database, list, word);
    return { ...list, ...word };
  }

  /** @returns the version before the one that this call has published; null when it has published none, or the first */
  async #publishWhenChanged(
    kind: 'concessions' | 'ca_keys',
    bodyOf: (version: number) => Uint8Array,
    nowMs: number,
  ): Promise<PublishedList | null> {
    const last = await readNewestWhole(this.#database, kind);
    // The version stands in the body: the same content under the last number has the last hash.
    if (last !== null && pieceHash(bodyOf(last.version)) === last.bodySm3) return null;
    const version = (last?.version ?? 0) + 1;
    const listKeyId = kind === 'concessions' ? this.#listKeyId : null;
    const list = this.#announced({ kind, version, form: 'whole', listKeyId }, TO_ALL, nowMs);
    const isWritten = await publishBody(this.#database, list, () => once(bodyOf(version)));
    return isWritten ? last : null;
  }

  #announced(
    name: Omit<NewList, 'announce'> & { readonly form: ListForm },
    { sharePermille, scope }: RollOut,
    nowMs: number,
    validFromMs = nowMs,
  ): NewList {
    return {
      ...name,
      announce: ({ bodyBytes, bodySm3 }) => {
        this.#changes += 1;
        const { kind, version, form, listKeyId } = name;
        const statement = writeListStatement({
          ...{ kind, version, baseVersion: form === 'whole' ? null : version - 1 },
          ...{ validFromMs, madeAtMs: nowMs, scope, sharePermille, bodyBytes, bodySm3, listKeyId },
        });
        const signature = Buffer.from(this.#keys.signList(listSigningMessage(statement))).toString('base64');
        const envelope = { statement, keyId: this.#keys.listSigningKey().keyId, signature };
        return { scope, sharePermille, validFromMs, envelope, signedAtMs: nowMs };
      },
    };
  }

  #nameOf(pan: string, psn: number): Uint8Array {
    const digits = Buffer.from(`${pan}${String(psn).padStart(2, '0')}`, 'latin1');
    return this.#nameKey.tag(digits).subarray(0, NAME_BYTES);
  }
}

const EVER_SINCE = '1900-01-01';

const panContext = (panToken: string): string => `listed-pan|${panToken}`;

/** A card enrolled twice for one category has one right on the list: the later end stands last, and is the one that stays. */
function isSameRight(entry: Uint8Array, next: Uint8Array | undefined): boolean {
  return (
    next !== undefined &&
    Buffer.compare(entry.subarray(0, NAME_BYTES + 1), next.subarray(0, NAME_BYTES + 1)) === 0
  );
}

async function* once(body: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(body);
}
