import type { Server } from 'node:http';
import { createApp, type GatewayApp } from '@tapgate/gateway/app';
import { loadCalendar } from '@tapgate/gateway/calendar/load-calendar';
import { loadClearingProfiles } from '@tapgate/gateway/clearing/load-clearing-profiles';
import { loadRuleBook } from '@tapgate/gateway/fares/load-rule-sets';
import { listen } from '@tapgate/gateway/gateway';
import { createGatewayServer } from '@tapgate/gateway/http/gateway-server';
import type { RestingLoop } from '@tapgate/gateway/jobs/resting-loop';
import { startSettling } from '@tapgate/gateway/jobs/settle-taps';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { openDatabase, type Database } from '@tapgate/gateway/store/connection';
import { loadReferenceData } from '@tapgate/gateway/store/reference-data';
import { benchKeystore, benchOperator } from './bench-operator.ts';
import { serveOrders } from './child.ts';
import { threadCpuMs, type ThreadTimes } from './cpu-time.ts';

export type GatewayStart = {
  readonly databaseUrl: string;
  readonly jurisdiction: string;
  readonly issuerHosted: boolean;
  /** settle behind, as a gateway does */
  readonly settles: boolean;
  readonly nowMs: number;
};

export type GatewayCounts = ThreadTimes & {
  readonly verifications: number;
  readonly rssBytes: number;
  readonly inside: number;
};

let running: { gateway: GatewayApp; database: Database; server: Server; loop: RestingLoop | null } | null =
  null;

/** The product's own gateway, as gateway.ts puts it together, over a database that the bench has prepared. */
async function start(order: GatewayStart): Promise<number> {
  const data = benchOperator(order.jurisdiction);
  const keys = new KeystoreProvider(benchKeystore(data));
  const database = await openDatabase(order.databaseUrl);
  const reference = await loadReferenceData(database);
  const onFault = (fault: unknown): void => {
    process.stderr.write(
      `gateway under test: ${fault instanceof Error ? (fault.stack ?? fault.message) : 'fault'}\n`,
    );
  };
  const clock = (): number => order.nowMs;
  const { issuerHosted } = order;
  const calendar = loadCalendar();
  const ruleBook = loadRuleBook(calendar);
  const gateway = createApp({
    ...{ database, keys, reference, clock, issuerHosted, onFault },
    ruleBook: () => ruleBook,
    profiles: loadClearingProfiles(),
    demo: false,
  });
  const server = createGatewayServer(gateway);
  await listen(server, '127.0.0.1', 0);
  const settling = { database, keys, reference, calendar, ruleBook };
  running = {
    gateway,
    database,
    server,
    loop: order.settles
      ? startSettling(
          () => settling,
          () => gateway.intake.insideLately,
          onFault,
        )
      : null,
  };
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function counts(): GatewayCounts {
  return {
    ...threadCpuMs(),
    verifications: running?.gateway.sm2Workers.verifications ?? 0,
    inside: running?.gateway.intake.inside ?? 0,
    rssBytes: process.memoryUsage().rss,
  };
}

async function stop(): Promise<void> {
  if (running === null) return;
  const { gateway, database, server, loop } = running;
  running = null;
  server.closeAllConnections();
  server.close();
  await loop?.stop();
  await gateway.stop();
  await database.close();
}

serveOrders({ start, counts, stop });
