import type { Server } from 'node:http';
import { createAdaptorServer } from '@hono/node-server';
import { listen } from '@tapgate/gateway/gateway';
import { Hono } from 'hono';
import postgres from 'postgres';
import { serveOrders } from './child.ts';
import { threadCpuMs } from './cpu-time.ts';

// Floor (c): the least that a live path over HTTP and PostgreSQL can do. The same JSON is parsed, and the raw record is durable
// before the answer; nothing is looked at, nothing is looked up.

type Waiting = {
  readonly record: Buffer;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
};

const GROUP_MAX = 256;
const GATHER_MS = 1;
const IN_FLIGHT_MAX = 2;

let server: Server | null = null;
let sql: postgres.Sql | null = null;

async function start({ databaseUrl }: { readonly databaseUrl: string }): Promise<number> {
  const client = postgres(databaseUrl, { max: IN_FLIGHT_MAX, onnotice: () => undefined });
  sql = client;
  await client`create table if not exists raw_record (record bytea not null)`;
  let waiting: Waiting[] = [];
  let inFlight = 0;
  let timer: NodeJS.Timeout | null = null;
  const commit = (): void => {
    timer = null;
    if (waiting.length === 0 || inFlight >= IN_FLIGHT_MAX) return;
    const group = waiting.slice(0, GROUP_MAX);
    waiting = waiting.slice(GROUP_MAX);
    inFlight += 1;
    // 1001 is bytea[]; unnest is the shape that costs the client least.
    const records = client.array(
      group.map(({ record }) => record),
      1001,
    );
    client`insert into raw_record select unnest(${records}::bytea[])`
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
    const record = Buffer.from(body.record, 'base64');
    await new Promise<void>((done, failed) => {
      waiting.push({ record, done, failed });
      if (inFlight < IN_FLIGHT_MAX) timer ??= setTimeout(commit, GATHER_MS);
    });
    return context.json({ outcome: 'chargeable' });
  });
  server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  await listen(server, '127.0.0.1', 0);
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

async function stop(): Promise<void> {
  server?.closeAllConnections();
  server?.close();
  await sql?.end();
}

serveOrders({
  start,
  stop,
  counts: () => ({ ...threadCpuMs(), verifications: 0, inside: 0, rssBytes: process.memoryUsage().rss }),
});
