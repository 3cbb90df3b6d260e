import type { OpenAPIHono, z } from '@hono/zod-openapi';
import type { PanToken } from '@tapgate/sdk/wire/identifiers';
import type { ListMaker } from '../lists/list-maker.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { Database } from '../store/connection.ts';
import { publishHotlistVersion } from '../store/hotlist.ts';
import { refuseUnlessOperator } from './bearer-token.ts';
import { readJsonBody } from './request-body.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import { hotlistVersionsRoute } from './route-table.ts';
import { HotlistChangeBody, type NamedCard } from './wire-schemas.ts';

export type HotlistParts = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly maker: ListMaker;
};

/** A bank's list of a day. */
const HOTLIST_BODY_BYTES_MAX = 1024 * 1024;

/**
 * The hotlist that a bank sends. Its body names cards by PAN, because that is all a bank knows; it becomes a token here, sealed
 * for the lists of terminals, and goes no further.
 */
export function mountHotlist(app: OpenAPIHono<GatewayEnv>, { database, keys, maker }: HotlistParts): void {
  const tokenOf = (card: z.output<typeof NamedCard>): { panToken: PanToken; psn: number } => ({
    panToken: keys.panToken(card.pan),
    psn: card.psn,
  });

  app.post(hotlistVersionsRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const body = await readJsonBody(context, HotlistChangeBody, HOTLIST_BODY_BYTES_MAX);
    if (!body.ok) return refusalResponse(context, body.refusal);
    const version = await publishHotlistVersion(database, {
      publishedAtMs: context.var.nowMs,
      add: body.value.add.map(({ reason, ...card }) => ({
        ...tokenOf(card),
        reason,
        listing: maker.listingOf(card),
      })),
      remove: body.value.remove.map(tokenOf),
    });
    await maker.makeDue(context.var.nowMs);
    return context.json({ version }, 201);
  });
}
