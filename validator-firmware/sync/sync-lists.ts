import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { ListPlan, ListStep, TapGateClient } from '@tapgate/sdk/client';
import { TapGateError } from '@tapgate/sdk/error';
import { sm2Decrypt } from '@tapgate/sdk/gm/sm2-encryption';
import { judgeEnvelope, type ListStatement } from '@tapgate/sdk/lists/list-envelope';
import { isNameListKind, LIST_KIND_NAMES, type ListKind } from '@tapgate/sdk/lists/list-kinds';
import { listKeyIdOf } from '@tapgate/sdk/lists/name-list';
import { PieceHash } from '@tapgate/sdk/lists/piece-hash';
import { applyDelta, installSnapshot } from '../lists/install-names.ts';
import { ListFault } from '../lists/list-fault.ts';
import type { ListStore } from '../lists/list-store.ts';
import { recipientOf, withSigningKeys, type DeviceIdentity } from './device-identity.ts';

export type ListClient = Pick<TapGateClient, 'getListPlan' | 'fetchListBody'>;

export type ListSyncParts = {
  readonly client: ListClient;
  readonly lists: ListStore;
  readonly identity: DeviceIdentity;
  /** writes down who this device is once it has taken a newer signing key; without it the key is taken again in each round */
  readonly keepIdentity?: (identity: DeviceIdentity) => Promise<void>;
  /** where bodies lie until they are whole */
  readonly stagingFolder: string;
  /** the device's clock, ms since the Unix epoch */
  readonly clock: () => number;
};

export type SyncedList = {
  readonly kind: ListKind;
  readonly from: number | null;
  readonly to: number | null;
  /** why it went no further; null when it has what it should have */
  readonly stoppedBy: string | null;
};

export type SyncReport = {
  readonly lists: readonly SyncedList[];
  /** the device's clock less the gateway's, ms, by the middle of the exchange; null when nothing was heard */
  readonly clockSkewMs: number | null;
  readonly stoppedBy: string | null;
};

/** A night's snapshot over a slow line. */
const BODY_TIMEOUT_MS = 30 * 60 * 1000;
/** Checked and installed from memory; anything longer is staged on disk and fetched on after a break. */
const IN_MEMORY_BYTES_MAX = 1024 * 1024;

/**
 * One round: asks what to have, and for each list fetches, verifies, stages and switches, step after step. What goes wrong with one
 * list leaves it as it was and stops no other.
 */
export async function syncLists(parts: ListSyncParts): Promise<SyncReport> {
  const { client, lists, clock } = parts;
  const askedAtMs = clock();
  let plan: ListPlan;
  try {
    const signer = parts.identity.listSigningKeys.at(-1)?.keyId ?? null;
    plan = await client.getListPlan(heldText(lists), heldKeyId(lists), signer);
  } catch (error) {
    if (!(error instanceof TapGateError)) throw error;
    return { lists: [], clockSkewMs: null, stoppedBy: error.code };
  }
  const clockSkewMs = Math.round((askedAtMs + clock()) / 2 - plan.nowMs);
  const { identity, stoppedBy: keyRefused } = withSigningKeys(parts.identity, plan.signingKeys);
  if (identity !== parts.identity) await parts.keepIdentity?.(identity);
  const known = { ...parts, identity };
  const listKeys = keysOf(known, plan);
  const synced: SyncedList[] = [];
  for (const { kind, steps } of plan.lists) {
    const from = lists.held(kind)?.version ?? null;
    const stoppedBy = await takeSteps(known, kind, { steps, listKeys, gatewayNowMs: plan.nowMs });
    synced.push({ kind, from, to: lists.held(kind)?.version ?? null, stoppedBy });
  }
  return { lists: synced, clockSkewMs, stoppedBy: keyRefused };
}

async function takeSteps(
  parts: ListSyncParts,
  kind: ListKind,
  order: {
    readonly steps: readonly ListStep[];
    readonly listKeys: ReadonlyMap<string, Uint8Array>;
    readonly gatewayNowMs: number;
  },
): Promise<string | null> {
  const { lists, identity, clock } = parts;
  const { steps, listKeys, gatewayNowMs } = order;
  for (const step of steps) {
    const held = lists.held(kind);
    const judged = judgeEnvelope(step.envelope, {
      kind,
      recipient: recipientOf(identity),
      held: held === null ? null : { version: held.version, madeAtMs: held.publishedAtMs },
      // A device whose clock is behind must not take the gateway's present for a time that has not come.
      nowMs: Math.max(clock(), gatewayNowMs),
    });
    if (!judged.ok) return judged.code;
    try {
      if (judged.statement.version === held?.version) await lists.confirm(kind, judged.statement);
      else await takeBody(parts, judged.statement, step.form, listKeys);
    } catch (error) {
      if (error instanceof TapGateError || error instanceof ListFault) return error.code;
      throw error;
    }
  }
  return null;
}

async function takeBody(
  parts: ListSyncParts,
  statement: ListStatement,
  form: ListStep['form'],
  listKeys: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const { kind, listKeyId, bodyBytes } = statement;
  const source =
    bodyBytes <= IN_MEMORY_BYTES_MAX
      ? await inMemory(parts, statement, form)
      : await staged(parts, statement, form);
  if (!isNameListKind(kind)) {
    if (source.whole === null) throw new ListFault('list_body_malformed');
    await parts.lists.putBody(statement, source.whole);
    return;
  }
  const listKey = listKeys.get(listKeyId ?? '');
  if (listKey === undefined) throw new ListFault('list_card_key_differs');
  const announced = { statement, listKey, body: source.body };
  try {
    await (form === 'whole' ? installSnapshot(parts.lists, announced) : applyDelta(parts.lists, announced));
  } finally {
    await source.done();
  }
}

type BodySource = {
  readonly body: AsyncIterable<Uint8Array>;
  readonly whole: Uint8Array | null;
  readonly done: () => Promise<void>;
};

async function inMemory(
  { client }: ListSyncParts,
  statement: ListStatement,
  form: ListStep['form'],
): Promise<BodySource> {
  const hash = new PieceHash();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of client.fetchListBody({ ...statement, form }, 0, BODY_TIMEOUT_MS)) {
    hash.update(part);
    pieces.push(part);
    bytes += part.length;
    if (bytes > statement.bodyBytes) throw new ListFault('list_body_differs');
  }
  if (hash.digest() !== statement.bodySm3) throw new ListFault('list_body_differs');
  async function* again(): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) yield await Promise.resolve(piece);
  }
  return { body: again(), whole: Buffer.concat(pieces), done: () => Promise.resolve() };
}

/**
 * Fetches what is still missing of a body into its file, named after its hash, so that a break costs what was on the way and no
 * more. Whether the whole is the announced one is found while it is installed; a file that is not is thrown away.
 */
async function staged(
  { client, stagingFolder }: ListSyncParts,
  statement: ListStatement,
  form: ListStep['form'],
): Promise<BodySource> {
  await mkdir(stagingFolder, { recursive: true });
  const name = `${statement.kind}-${statement.bodySm3}.part`;
  for (const other of await readdir(stagingFolder)) {
    if (other.startsWith(`${statement.kind}-`) && other !== name) await rm(path.join(stagingFolder, other));
  }
  const file = path.join(stagingFolder, name);
  const have = await stat(file).then(
    ({ size }) => size,
    () => 0,
  );
  if (have < statement.bodyBytes) {
    const handle = await open(file, 'a', 0o600);
    try {
      let at = have;
      for await (const part of client.fetchListBody({ ...statement, form }, have, BODY_TIMEOUT_MS)) {
        await handle.write(part);
        at += part.length;
        if (at > statement.bodyBytes) break;
      }
    } finally {
      await handle.close();
    }
  }
  return { body: createReadStream(file), whole: null, done: () => rm(file, { force: true }) };
}

/** Keys under which lists name cards: those of the lists in use, and the one that came with the plan. */
function keysOf({ lists, identity }: ListSyncParts, plan: ListPlan): ReadonlyMap<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const kind of LIST_KIND_NAMES) {
    const held = lists.held(kind)?.state.names;
    if (held !== null && held !== undefined) {
      const key = Buffer.from(held.listKey, 'hex');
      keys.set(listKeyIdOf(key), key);
    }
  }
  if (plan.listKey !== null) {
    const key = sm2Decrypt(identity.sm2PrivateKey, plan.listKey.sealed, 'c1c3c2');
    if (key !== null) keys.set(listKeyIdOf(key), key);
  }
  return keys;
}

/** `hotlist:7:0123456789ABCDEF,ca_keys:1` */
function heldText(lists: ListStore): string {
  return LIST_KIND_NAMES.flatMap((kind) => {
    const held = lists.held(kind);
    if (held === null) return [];
    const { listKeyId } = held.state.statement;
    return [`${kind}:${held.version}${listKeyId === null ? '' : `:${listKeyId}`}`];
  }).join(',');
}

function heldKeyId(lists: ListStore): string | null {
  return lists.held('hotlist')?.state.statement.listKeyId ?? null;
}
