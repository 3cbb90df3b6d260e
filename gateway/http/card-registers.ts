import type { OpenAPIHono, z } from '@hono/zod-openapi';
import { isIsoDate, isoDate, type PanToken } from '@tapgate/sdk/wire/identifiers';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { KeyProvider } from '../keys/key-provider.ts';
import { writeEnrolments } from '../store/concession-enrolments.ts';
import type { Database } from '../store/connection.ts';
import { publishHotlistVersion } from '../store/hotlist.ts';
import { refuseUnlessOperator } from './bearer-token.ts';
import { readJsonBody } from './request-body.ts';
import { refusalResponse, type GatewayEnv } from './request-context.ts';
import { enrolmentsRoute, hotlistVersionsRoute } from './route-table.ts';
import { EnrolmentBody, HotlistChangeBody, type NamedCard } from './wire-schemas.ts';

export type CardRegisterParts = { readonly database: Database; readonly keys: KeyProvider };

/** A bank's list of a day, or a desk's day of enrolments. */
const REGISTER_BODY_BYTES_MAX = 1024 * 1024;

/**
 * What is written about cards from outside the tap: the hotlist that a bank sends, and a right that a desk has checked. These
 * bodies name cards by PAN, because that is all a bank and a desk know; it becomes a token here and goes no further.
 */
export function mountCardRegisters(
  app: OpenAPIHono<GatewayEnv>,
  { database, keys }: CardRegisterParts,
): void {
  const tokenOf = (card: z.output<typeof NamedCard>): { panToken: PanToken; psn: number } => ({
    panToken: keys.panToken(card.pan),
    psn: card.psn,
  });

  app.post(hotlistVersionsRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const body = await readJsonBody(context, HotlistChangeBody, REGISTER_BODY_BYTES_MAX);
    if (!body.ok) return refusalResponse(context, body.refusal);
    const version = await publishHotlistVersion(database, {
      publishedAtMs: context.var.nowMs,
      add: body.value.add.map(({ reason, ...card }) => ({ ...tokenOf(card), reason })),
      remove: body.value.remove.map(tokenOf),
    });
    return context.json({ version }, 201);
  });

  app.post(enrolmentsRoute.getRoutingPath(), async (context) => {
    const refusal = await refuseUnlessOperator(context, database);
    if (refusal !== null) return refusalResponse(context, refusal);
    const body = await readJsonBody(context, EnrolmentBody, REGISTER_BODY_BYTES_MAX);
    if (!body.ok) return refusalResponse(context, body.refusal);
    const { card, category, evidenceKind, birthDate, validFrom, validTo } = body.value;
    const wrong = Object.entries({ birthDate, validFrom, validTo }).find(
      ([, date]) => date !== null && !isIsoDate(date),
    );
    if (wrong !== undefined) return refusalResponse(context, refuse('field_invalid', wrong[0]));
    await writeEnrolments(database, keys, [
      {
        ...tokenOf(card),
        category,
        evidenceKind,
        birthDate: birthDate === null ? null : isoDate(birthDate),
        validFrom: isoDate(validFrom),
        validTo: validTo === null ? null : isoDate(validTo),
        reviewDueOn: null,
        revokedOn: null,
      },
    ]);
    return context.json({ enrolled: true }, 201);
  });
}
