import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { listen } from '@tapgate/gateway/gateway';
import {
  authenticateRecord,
  decodeRecord,
  type AuthenticTap,
} from '@tapgate/gateway/ingest/authenticate-record';
import { judgeAct } from '@tapgate/gateway/ingest/judge-act';
import { judgeTap, type CardProof } from '@tapgate/gateway/ingest/judge-tap';
import { concludeProof, planProof } from '@tapgate/gateway/ingest/plan-proof';
import { calendarDateOf, serviceDateOf } from '@tapgate/gateway/ingest/service-date';
import { TapAuthority } from '@tapgate/gateway/ingest/tap-authority';
import { NO_FACTS, type TapFacts } from '@tapgate/gateway/ingest/tap-facts';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { openDatabase, type Database } from '@tapgate/gateway/store/connection';
import { DataKeys } from '@tapgate/gateway/store/data-keys';
import { loadReferenceData } from '@tapgate/gateway/store/reference-data';
import { card, cardAtc, tap, tapIdentity, unsettledTap } from '@tapgate/gateway/store/schema/taps';
import { sealRecord } from '@tapgate/gateway/store/sealed-record';
import { hex } from '@tapgate/sdk/emv/hex';
import { sm2Z } from '@tapgate/sdk/gm/sm2';
import { smCryptoProviders } from '@tapgate/sdk/gm/sm-crypto-provider';
import type { Sm2Claim } from '@tapgate/sdk/emv/sm2-claim';
import { and, eq, max } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import { Hono } from 'hono';
import postgres from 'postgres';
import { benchKeystore, benchOperator } from '../../limits/bench-operator.ts';
import { serveOrders } from '../../limits/child.ts';
import { threadCpuMs } from '../../limits/cpu-time.ts';

// Peer (d): what a team would write in a week. It decides as the product does and leaves the same rows under the same constraints;
// but it takes each tap by itself: its facts by drizzle queries, its signatures by sm-crypto in the same thread, its rows in one
// drizzle transaction on a pool of ten. Issuer and card certificates are cached, so that a tap costs one verification.

const POOL = 10;
const { sm2 } = smCryptoProviders;

let running: { server: Server; sql: postgres.Sql; database: Database } | null = null;
let verifications = 0;

type NaiveStart = { readonly databaseUrl: string; readonly jurisdiction: string; readonly nowMs: number };

async function start(order: NaiveStart): Promise<number> {
  const keys = new KeystoreProvider(benchKeystore(benchOperator(order.jurisdiction)));
  const database = await openDatabase(order.databaseUrl);
  const authority = new TapAuthority(await loadReferenceData(database), keys);
  const dataKeys = new DataKeys(database, keys);
  const sql = postgres(order.databaseUrl, { max: POOL, onnotice: () => undefined });
  const orm = drizzle(sql);
  const verifiedCards = new Set<string>();

  const verify = (claim: Sm2Claim): boolean => {
    verifications += 1;
    const key = sm2.importPublicKey(claim.publicKeyXy);
    return sm2.verify(key, Buffer.concat([sm2Z(claim.publicKeyXy), claim.message]), claim.signatureRs);
  };

  const prove = (read: AuthenticTap): CardProof => {
    const { evidence } = read.card;
    if (typeof evidence === 'string') return { refusal: evidence, actProven: false };
    const onDate = calendarDateOf(read.placement.zone, read.record.tappedAtMs);
    const plan = planProof(evidence, { dfName: read.record.dfName, onDate }, authority);
    const held = plan.claims.map((claim) => {
      const cached = claim.fingerprint === null ? null : hex(claim.fingerprint);
      if (cached !== null && verifiedCards.has(cached)) return true;
      const holds = verify(claim);
      if (holds && cached !== null) verifiedCards.add(cached);
      return holds;
    });
    const chain = concludeProof(plan, held);
    if (chain !== null) return { refusal: chain, actProven: false };
    const cryptogramHolds = authority.cryptogramHolds(evidence, read.bankId);
    const { rail } = read.record;
    return {
      refusal: judgeAct(evidence, { rail, amountFen: read.placement.amountFen, onDate, cryptogramHolds }),
      actProven: true,
    };
  };

  const app = new Hono();
  app.post('/v1/taps', async (context) => {
    const body = await context.req.json<{ record: string }>();
    const decoded = decodeRecord(body.record);
    if (!decoded.ok) return context.json(decoded, 400);
    const authentic = authenticateRecord(decoded.bytes, null, authority);
    if (!authentic.ok) return context.json(authentic, 400);
    const read = authentic.tap;
    const { record, placement } = read;
    const { psn, atc, amountFen } = read.card;
    const panToken = Buffer.from(read.card.panToken, 'hex');
    const proof = prove(read);
    const serviceDate = serviceDateOf(placement, record.tappedAtMs);
    const { iv, sealed } = sealRecord(await dataKeys.forWriting(serviceDate), read.bytes);
    const answer = await orm.transaction(async (transaction) => {
      const delivery = { terminalId: record.terminalId, tapSequence: record.tapSequence };
      const [delivered] = await transaction
        .select()
        .from(tapIdentity)
        .where(
          and(
            eq(tapIdentity.terminalId, delivery.terminalId),
            eq(tapIdentity.tapSequence, delivery.tapSequence),
          ),
        );
      const [act] = await transaction
        .select()
        .from(cardAtc)
        .where(and(eq(cardAtc.panToken, panToken), eq(cardAtc.psn, psn), eq(cardAtc.atc, atc)));
      const [highest] = await transaction
        .select({ atc: max(cardAtc.atc) })
        .from(cardAtc)
        .where(and(eq(cardAtc.panToken, panToken), eq(cardAtc.psn, psn)));
      const facts: TapFacts = {
        ...NO_FACTS,
        delivered:
          delivered === undefined
            ? null
            : { recordSm3: delivered.recordSm3, outcome: 'chargeable', cause: delivered.cause },
        act: act ?? null,
        highestAtc: highest?.atc ?? null,
      };
      const judged = judgeTap(read, facts, proof, order.nowMs);
      if (judged.kind !== 'accepted') return judged;
      const { outcome } = judged.verdict;
      const cause = judged.verdict.outcome === 'chargeable' ? null : judged.verdict.cause;
      const cryptogram = typeof read.card.evidence === 'string' ? null : read.card.evidence.cryptogram;
      const { operatorId, lineId, stationId } = placement;
      const { rail, tapKind } = record;
      const tappedAt = new Date(record.tappedAtMs);
      const common = {
        ...delivery,
        panToken,
        psn,
        atc,
        serviceDate,
        tappedAt,
        operatorId,
        lineId,
        stationId,
        rail,
        tapKind,
        amountFen,
      };
      if (judged.claimsAct && cryptogram !== null)
        await transaction.insert(cardAtc).values({ ...delivery, panToken, psn, atc, cryptogram });
      await transaction
        .insert(tapIdentity)
        .values({ ...delivery, recordSm3: read.recordSm3, outcome, cause, panToken, serviceDate });
      if (read.bankId !== null)
        await transaction
          .insert(card)
          .values({ panToken, psn, bankId: read.bankId, verifiedCertificateSm3: read.recordSm3 })
          .onConflictDoNothing();
      await transaction.insert(tap).values({
        ...common,
        receivedAt: new Date(order.nowMs),
        gateDecision: record.gateDecision,
        ruleSetVersion: record.ruleSetVersion,
        hotlistVersion: record.hotlistVersion,
        bankId: read.bankId,
        outcome,
        cause,
        atcBelowHighest: atc < (facts.highestAtc ?? 0) ? 1 : 0,
        recordSm3: read.recordSm3,
        recordIv: iv,
        recordSealed: sealed,
      });
      await transaction
        .insert(unsettledTap)
        .values({ ...common, bankId: read.bankId, outcome, cause, state: 'ready' });
      return { ...delivery, outcome, cause, duplicate: false };
    });
    return context.json(answer);
  });

  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  await listen(server, '127.0.0.1', 0);
  running = { server, sql, database };
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function stop(): Promise<void> {
  running?.server.closeAllConnections();
  running?.server.close();
  await running?.sql.end();
  await running?.database.close();
}

serveOrders({
  start,
  stop,
  counts: () => ({ ...threadCpuMs(), verifications, inside: 0, rssBytes: process.memoryUsage().rss }),
});
