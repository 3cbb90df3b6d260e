import type { OpenAPIHono } from '@hono/zod-openapi';
import { sm2Encrypt } from '@tapgate/sdk/gm/sm2-encryption';
import { parseGateParameters } from '@tapgate/sdk/lists/gate-parameters';
import { isListKind, LIST_KIND_NAMES, type ListKind } from '@tapgate/sdk/lists/list-kinds';
import { signingKeyVersion } from '@tapgate/sdk/lists/signing-key-link';
import { PIECE_BYTES } from '@tapgate/sdk/lists/piece-hash';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { TerminalPlacement } from '../ingest/terminal-placement.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { TO_ALL, WORD_AGE_MAX_MS, type ListMaker } from '../lists/list-maker.ts';
import { BodiesAtHand, type BodyAtHand } from '../lists/bodies-at-hand.ts';
import { planList } from '../lists/plan-lists.ts';
import type { Database } from '../store/connection.ts';
import { restoreHotlistVersion } from '../store/hotlist.ts';
import { readPiece, readPublishedLists, type PublishedList } from '../store/lists.ts';
import { refuseUnlessOperator, type TerminalSessions } from './bearer-token.ts';
import {
  gateParametersRoute,
  listBodyRoute,
  listPlanRoute,
  restorationsRoute,
  rollOutsRoute,
} from './device-route-table.ts';
import { GateParametersBody, RestorationBody, RollOutBody, VERSION_MAX } from './device-schemas.ts';
import { readJsonBody } from './request-body.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import { readTerminal } from './terminal-routes.ts';

export type ListRoutesParts = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly maker: ListMaker;
  readonly sessions: TerminalSessions;
  readonly findPlacement: (terminalId: TerminalId) => TerminalPlacement | null;
};

const SMALL_BODY_BYTES_MAX = 64 * 1024;
/** Thousands of terminals come back at once after an outage and ask for the same few rows. */
const AT_HAND_MS = 1_000;

/** What terminals are given: the plan of what to fetch, the bodies, and what an operator does with versions. */
export function mountListRoutes(app: OpenAPIHono<GatewayEnv>, parts: ListRoutesParts): void {
  const { database, keys, maker, sessions, findPlacement } = parts;
  const atHand = new ListsAtHand(database, maker, keys);
  const bodies = new BodiesAtHand(database);

  app.get(listPlanRoute.getRoutingPath(), async (context) => {
    const placement = readTerminal(context, sessions, findPlacement);
    if ('code' in placement) return refusalResponse(context, placement);
    const held = readHeld(context.req.query('held') ?? '');
    if (held === null) return refusalResponse(context, refuse('field_invalid', 'held'));
    const { nowMs } = context.var;
    const lists = await Promise.all(
      LIST_KIND_NAMES.map(async (kind) => {
        const published = await atHand.of(kind, nowMs);
        const { version = null, keyId = null } = held.get(kind) ?? {};
        const terminal = { ...placement, held: version, heldKeyId: keyId };
        const steps = planList(kind, published, terminal, nowMs).map((list) => ({
          ...{ version: list.version, form: list.form, envelope: list.envelope },
        }));
        return { kind, steps };
      }),
    );
    return context.json({
      nowMs,
      lists,
      signingKeys: keys.listSigningLinks(context.req.query('signer') ?? ''),
      listKey: context.req.query('key') === maker.listKeyId ? null : sealedKey(placement, keys, maker),
    });
  });

  app.get(listBodyRoute.getRoutingPath(), async (context) => {
    const placement = readTerminal(context, sessions, findPlacement);
    if ('code' in placement) return refusalResponse(context, placement);
    const kind = context.req.param('kind');
    const version = readVersion(context.req.param('version'));
    const form = context.req.param('form');
    if (!isListKind(kind) || version === null || (form !== 'whole' && form !== 'delta'))
      return refusalResponse(context, refuse('not_found'));
    const list = await bodies.find({ kind, version, form });
    if (list === null) return refusalResponse(context, refuse('not_found'));
    const range = /^bytes=(\d{1,15})-$/.exec(context.req.header('range') ?? '');
    const etag = `"${list.bodySm3}"`;
    // A terminal that goes on after a break says of which body; of another one it gets all.
    const ifRange = context.req.header('if-range');
    const first = range === null || (ifRange !== undefined && ifRange !== etag) ? 0 : Number(range[1]);
    if (first > 0 && first >= list.bodyBytes)
      return refusalResponse(context, refuse('field_invalid', 'range'));
    const headers = {
      'Content-Type': 'application/octet-stream',
      'Content-Length': String(list.bodyBytes - first),
      'Accept-Ranges': 'bytes',
      ETag: etag,
      ...(first === 0 ? {} : { 'Content-Range': `bytes ${first}-${list.bodyBytes - 1}/${list.bodyBytes}` }),
    };
    const body =
      list.bytes === null ? bodyFrom(database, list, first) : Uint8Array.from(list.bytes.subarray(first));
    return new Response(body, { status: first === 0 ? 200 : 206, headers });
  });

  app.post(gateParametersRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const read = await readJsonBody(context, GateParametersBody, SMALL_BODY_BYTES_MAX);
    if (!read.ok) return refusalResponse(context, read.refusal);
    const body = new TextEncoder().encode(JSON.stringify(read.value.parameters));
    if (parseGateParameters(body) === null)
      return refusalResponse(context, refuse('field_invalid', 'parameters'));
    const rollOut = {
      scope: read.value.scope ?? TO_ALL.scope,
      sharePermille: read.value.sharePermille ?? TO_ALL.sharePermille,
    };
    const version = await maker.publishJson('gate_parameters', body, rollOut, context.var.nowMs);
    return context.json({ kind: 'gate_parameters', version }, 201);
  });

  app.post(rollOutsRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const read = await readJsonBody(context, RollOutBody, SMALL_BODY_BYTES_MAX);
    if (!read.ok) return refusalResponse(context, read.refusal);
    const { kind, version, sharePermille, scope } = read.value;
    const rollOut = { sharePermille, scope: scope ?? TO_ALL.scope };
    const isKnown = await maker.rollOut(kind, version, rollOut, context.var.nowMs);
    if (!isKnown) return refusalResponse(context, refuse('not_found', 'version'));
    return context.json({ kind, version, ...rollOut }, 201);
  });

  app.post(restorationsRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const read = await readJsonBody(context, RestorationBody, SMALL_BODY_BYTES_MAX);
    if (!read.ok) return refusalResponse(context, read.refusal);
    const { kind, earlier } = read.value;
    const { nowMs } = context.var;
    const version =
      kind === 'hotlist'
        ? await restoreHotlistVersion(database, { earlier, publishedAtMs: nowMs })
        : await maker.restoreJson(kind, earlier, nowMs);
    if (version === null) return refusalResponse(context, refuse('not_found', 'earlier'));
    if (kind === 'hotlist') {
      await maker.makeDue(nowMs);
      // Terminals that the version between was not meant for cannot go through it: they get the list whole.
      await maker.makeWholeHotlist(version, nowMs);
    }
    return context.json({ kind, version }, 201);
  });
}

/** The rows that plans are made of, read again after a moment; words that have grown old are said again on the way. */
class ListsAtHand {
  readonly #database: Database;
  readonly #maker: ListMaker;
  readonly #keys: KeyProvider;
  readonly #read = new Map<
    ListKind,
    { readonly atMs: number; readonly changes: number; readonly lists: Promise<PublishedList[]> }
  >();

  constructor(database: Database, maker: ListMaker, keys: KeyProvider) {
    this.#database = database;
    this.#maker = maker;
    this.#keys = keys;
  }

  of(kind: ListKind, nowMs: number): Promise<PublishedList[]> {
    const known = this.#read.get(kind);
    const { changes } = this.#maker;
    const isNew = known?.changes === changes && performance.now() - known.atMs < AT_HAND_MS;
    if (isNew) return known.lists;
    const lists = this.#fresh(kind, nowMs);
    this.#read.set(kind, { atMs: performance.now(), changes, lists });
    lists.catch(() => this.#read.delete(kind));
    return lists;
  }

  /** The newest word of each version: only that one is asked for by those who hold it. */
  async #fresh(kind: ListKind, nowMs: number): Promise<PublishedList[]> {
    const lists = await readPublishedLists(this.#database, kind);
    const isOld = (list: PublishedList): boolean => nowMs - list.signedAtMs >= WORD_AGE_MAX_MS;
    const { keyId } = this.#keys.listSigningKey();
    const newest = Math.max(0, ...lists.map((list) => list.version));
    // Those outside the share of a newer version hold the one before it, and that is still the one for them.
    const spoken = newestMeantForAll(lists);
    return Promise.all(
      lists.map((list) =>
        isOfEarlierKey(list, keyId) || (isOld(list) && (list.version === newest || list.version >= spoken))
          ? this.#maker.say(list, list, nowMs)
          : Promise.resolve(list),
      ),
    );
  }
}

/** Terminals that have the next key take no word of the one before. A process that was not started anew since leaves newer words alone. */
function isOfEarlierKey({ envelope }: PublishedList, keyId: string): boolean {
  return (signingKeyVersion(envelope.keyId) ?? 0) < (signingKeyVersion(keyId) ?? 0);
}

function newestMeantForAll(lists: readonly PublishedList[]): number {
  const all = lists.filter(
    (list) => list.sharePermille === TO_ALL.sharePermille && list.scope.kind === 'all',
  );
  return Math.max(0, ...all.map((list) => list.version));
}

/** @returns null for what is the number of no version */
function readVersion(text: string): number | null {
  const version = /^\d{1,10}$/.test(text) ? Number(text) : 0;
  return version >= 1 && version <= VERSION_MAX ? version : null;
}

type Held = { readonly version: number; readonly keyId: string | null };

/** `hotlist:7:0123456789ABCDEF,ca_keys:1`. @returns null for anything else */
function readHeld(text: string): ReadonlyMap<ListKind, Held> | null {
  const held = new Map<ListKind, Held>();
  for (const item of text === '' ? [] : text.split(',')) {
    const [, kind = '', version = '', keyId] = /^([a-z_]+):(\d{1,10})(?::([0-9A-F]{16}))?$/.exec(item) ?? [];
    if (!isListKind(kind)) return null;
    held.set(kind, { version: Number(version), keyId: keyId ?? null });
  }
  return held;
}

function sealedKey(
  placement: TerminalPlacement,
  keys: KeyProvider,
  maker: ListMaker,
): { readonly id: string; readonly sealed: string } | null {
  if (placement.sm2PublicKey === null) return null;
  const sealed = sm2Encrypt(placement.sm2PublicKey, keys.listKey(), 'c1c3c2');
  return { id: maker.listKeyId, sealed: Buffer.from(sealed).toString('base64') };
}

/** A body from one of its bytes on, a piece at a time as the peer takes it. */
function bodyFrom(database: Database, list: BodyAtHand, first: number): ReadableStream<Uint8Array> {
  let pieceNo = Math.floor(first / PIECE_BYTES);
  let skip = first % PIECE_BYTES;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const piece = await readPiece(database, list, pieceNo);
      if (piece === null) {
        controller.close();
        return;
      }
      controller.enqueue(Uint8Array.from(piece.subarray(skip)));
      pieceNo += 1;
      skip = 0;
    },
  });
}
