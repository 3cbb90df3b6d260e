import type { Server } from 'node:http';
import { cpus } from 'node:os';
import { createAdaptorServer } from '@hono/node-server';
import { Hono } from 'hono';
import postgres from 'postgres';
import { listen } from '@tapgate/gateway/gateway';
import { settleAll } from '@tapgate/gateway/jobs/settle-taps';
import { generateSm2KeyPair, importSm2PublicKey, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { startOwnGateway, type OwnGateway } from '../scenarios/city/attach-gateway.ts';
import { prepareTaps, type PreparedTaps } from './prepared-taps.ts';

/** The live path beside two floors, all measured in one run by one generator. */
export type LiveReport = {
  readonly cores: number;
  readonly taps: number;
  /** SM2 verification alone on one core, a key of its own for each signature, checks a second */
  readonly sm2VerifyPerSPerCore: number;
  /** a Hono handler that parses the same JSON and commits the raw record in groups */
  readonly parseCommit: Driven;
  /** the product: proven, judged, durable */
  readonly live: Driven;
  /** accepted taps that became journeys and postings, a second, from the first tap on */
  readonly settledPerS: number;
};

export type Driven = { readonly perS: number; readonly p50Ms: number; readonly p99Ms: number };

const CONNECTIONS = 64;
const VERIFY_SECONDS = 2;
const GROUP_MAX = 256;
const GATHER_MS = 1;

/** Generator, gateway and PostgreSQL share the machine: the figures are for comparing with each other, not with other machines. */
export async function runLive(order: {
  readonly taps: number;
  readonly onProgress: (line: string) => void;
}): Promise<LiveReport> {
  const own = await startOwnGateway({});
  try {
    order.onProgress(`making ${order.taps} taps`);
    const prepared = await prepareTaps(own, {
      ...{ taps: order.taps, rail: 'oda', nowMs: Date.now(), seed: `live ${process.pid}` },
      onProgress: () => undefined,
    });
    order.onProgress('bare SM2 verification');
    const sm2VerifyPerSPerCore = verifyRate();
    order.onProgress('parse and commit');
    const parseCommit = await driveParseCommit(own, prepared);
    order.onProgress('live path');
    const startedAt = performance.now();
    const live = await drive(own.baseUrl, prepared, 'chargeable');
    await settleAll(own.gateway.settling);
    const settledPerS = (order.taps * 1000) / (performance.now() - startedAt);
    return {
      cores: cpus().length,
      taps: order.taps,
      sm2VerifyPerSPerCore: Math.round(sm2VerifyPerSPerCore),
      parseCommit,
      live,
      settledPerS: Math.round(settledPerS),
    };
  } finally {
    await own.detach();
  }
}

function verifyRate(): number {
  const signed = Array.from({ length: 64 }, (_unused, index) => {
    const keys = generateSm2KeyPair();
    const message = Buffer.alloc(33, index);
    return { publicKeyXy: keys.publicKeyXy, message, signatureRs: sm2Sign({ ...keys, message }) };
  });
  const startedAt = performance.now();
  let checks = 0;
  while (performance.now() - startedAt < VERIFY_SECONDS * 1000) {
    for (const { publicKeyXy, message, signatureRs } of signed) {
      if (importSm2PublicKey(publicKeyXy)?.verify(message, signatureRs) !== true)
        throw new Error('a good signature did not verify');
      checks += 1;
    }
  }
  return (checks * 1000) / (performance.now() - startedAt);
}

/** The floor: no look at the record, no look-up; but durable before the answer, in groups as the product does. */
async function driveParseCommit(own: OwnGateway, prepared: PreparedTaps): Promise<Driven> {
  const sql = postgres(own.databaseUrl, { max: 2, onnotice: () => undefined });
  await sql`create table raw_record (record bytea not null)`;
  let waiting: { record: Buffer; done: () => void; failed: (error: unknown) => void }[] = [];
  let inFlight = 0;
  let timer: NodeJS.Timeout | null = null;
  const commit = (): void => {
    timer = null;
    if (waiting.length === 0 || inFlight >= 2) return;
    const group = waiting.slice(0, GROUP_MAX);
    waiting = waiting.slice(GROUP_MAX);
    inFlight += 1;
    sql`insert into raw_record ${sql(group.map(({ record }) => ({ record })))}`
      .then(
        () => {
          for (const { done } of group) done();
        },
        (error: unknown) => {
          for (const { failed } of group) failed(error);
        },
      )
      .finally(() => {
        inFlight -= 1;
        commit();
      });
  };
  const app = new Hono();
  app.post('/v1/taps', async (context) => {
    const body = await context.req.json<{ record: string }>();
    await new Promise<void>((done, failed) => {
      waiting.push({ record: Buffer.from(body.record, 'base64'), done, failed });
      timer ??= setTimeout(commit, GATHER_MS);
    });
    return context.json({ outcome: 'committed' });
  });
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  await listen(server, '127.0.0.1', 0);
  try {
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return await drive(`http://127.0.0.1:${port}`, prepared, 'committed');
  } finally {
    server.closeAllConnections();
    server.close();
    await sql.end();
  }
}

/** A closed loop over so many connections; every record is sent once, and every answer is looked at. */
async function drive(baseUrl: string, { taps, tokens }: PreparedTaps, outcome: string): Promise<Driven> {
  const latenciesMs: number[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    for (let tap = taps[next++]; tap !== undefined; tap = taps[next++]) {
      const startedAt = performance.now();
      const response = await fetch(`${baseUrl}/v1/taps`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${tokens[tap.terminalId] ?? ''}`,
        },
        body: JSON.stringify({ record: tap.record }),
      });
      const answer = (await response.json()) as { outcome?: string };
      latenciesMs.push(performance.now() - startedAt);
      if (answer.outcome !== outcome) throw new Error(`a tap was answered ${JSON.stringify(answer)}`);
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: CONNECTIONS }, one));
  const seconds = (performance.now() - startedAt) / 1000;
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number): number =>
    Math.round((latenciesMs[Math.floor(latenciesMs.length * share)] ?? 0) * 10) / 10;
  return { perS: Math.round(taps.length / seconds), p50Ms: at(0.5), p99Ms: at(0.99) };
}
