import type { Server } from 'node:http';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { createApp } from './app.ts';
import { loadClearingProfiles } from './clearing/load-clearing-profiles.ts';
import { loadRulesInTurns, readRulesMark, type Rules } from './fares/load-rules.ts';
import { fundersOf } from './fares/rule-book.ts';
import { createGatewayServer } from './http/gateway-server.ts';
import { startPricingHeld } from './jobs/price-held.ts';
import { RulesWatch } from './jobs/rules-watch.ts';
import { startSettling, type SettlingDependencies } from './jobs/settle-taps.ts';
import { SettlingPace } from './jobs/settling-pace.ts';
import { operatorToken } from './keys/demo-credentials.ts';
import { KeystoreProvider } from './keys/keystore-provider.ts';
import type { Keystore } from './keys/keystore.ts';
import { accountsFor } from './ledger/chart-of-accounts.ts';
import { startMakingLists } from './lists/making-loop.ts';
import { referenceRowsOf, type DemoData } from './operators/demo-reference.ts';
import { StartFault, systemErrorCode } from './start-fault.ts';
import { openDatabase, type Database } from './store/connection.ts';
import { openAccounts } from './store/ledger-postings.ts';
import { migrateDatabase } from './store/migrate.ts';
import { replaceOperatorToken } from './store/operator-tokens.ts';
import { ensurePartitions } from './store/partitions.ts';
import { loadReferenceData, writeReferenceData, type ReferenceData } from './store/reference-data.ts';
import { faultsTranslated } from './store/store-fault.ts';

/** A gateway that listens and settles, in this process. */
export type RunningGateway = {
  /** http://host:port */
  readonly url: string;
  readonly reference: ReferenceData;
  /** what settling by hand needs: a closing settles what is left first */
  readonly settling: SettlingDependencies;
  /** answers what is under way, settles what is begun, and ends; the database is left open */
  readonly stop: () => Promise<void>;
};

export type GatewayOrder = {
  readonly database: Database;
  readonly keystore: Keystore;
  readonly data: DemoData;
  readonly host: string;
  /** 0: any free port */
  readonly port: number;
  /** lists of nobody and usual parameters where none was ever published; left out where a scenario publishes its own by its own clock */
  readonly firstLists?: boolean;
  readonly onFault: (fault: unknown) => void;
};

/** Requests that still run after this time at a stop are cut off: their terminals send again. */
const DRAIN_MAX_MS = 10_000;
const DRAIN_POLL_MS = 25;
const PARTITIONS_EVERY_MS = 6 * 60 * 60 * 1000;

/** Brings a database to the newest schema and opens it. @throws StoreFault */
export async function openGatewayDatabase(databaseUrl: string): Promise<Database> {
  await migrateDatabase(databaseUrl);
  const database = await openDatabase(databaseUrl);
  try {
    await ensurePartitions(database, Date.now());
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/**
 * Loads the reference data and starts a gateway on it.
 *
 * @throws StartFault address_unusable, data_file_invalid; RuleSetsUnusable; StoreFault
 */
export async function startGateway(order: GatewayOrder): Promise<RunningGateway> {
  const { database, keystore, data, onFault } = order;
  const mark = await readRulesMark();
  const startedWith = await loadRulesInTurns(() => Promise.resolve());
  await writeReferenceData(database, referenceRowsOf(data, keystore));
  await replaceOperatorToken(database, {
    tokenSm3: sm3(new TextEncoder().encode(operatorToken(keystore))),
    label: 'keystore',
    createdAt: new Date(),
  });
  await openAccountsOf(database, data, startedWith);
  const reference = await loadReferenceData(database);
  const keys = new KeystoreProvider(keystore);
  const waiting = (): number => gateway.intake.insideLately;
  const turns = new SettlingPace(waiting);
  const watch = new RulesWatch(startedWith, mark, {
    readMark: () => readRulesMark(),
    load: () =>
      loadRulesInTurns(async () => {
        if (turns.isTurnOver()) await turns.takeTurn();
      }),
    prepare: (rules) => openAccountsOf(database, data, rules),
  });
  const gateway = createApp({
    ...{ database, keys, reference, onFault },
    ruleBook: () => watch.rules.ruleBook,
    profiles: loadClearingProfiles(),
    clock: Date.now,
    demo: true,
  });
  const server = createGatewayServer(gateway);
  try {
    if (order.firstLists === true) await gateway.maker.makeFirst(Date.now());
    await listen(server, order.host, order.port);
  } catch (error) {
    await gateway.stop();
    throw error;
  }
  const settling = (): SettlingDependencies => ({ database, keys, reference, ...watch.rules });
  const loop = startSettling(settling, waiting, onFault);
  const pricingHeld = startPricingHeld({
    dependencies: settling,
    look: () => watch.look(),
    waiting,
    onFault,
  });
  const lists = startMakingLists(gateway.maker, onFault);
  const partitions = setInterval(() => {
    ensurePartitions(database, Date.now()).catch(onFault);
  }, PARTITIONS_EVERY_MS).unref();
  return {
    url: urlOf(server, order.host),
    reference,
    get settling() {
      return settling();
    },
    stop: async () => {
      clearInterval(partitions);
      await drain(server);
      await pricingHeld.stop();
      await lists.stop();
      await loop.stop();
      await gateway.stop();
    },
  };
}

/** Every account that these parties and the funders of these rules may need. @throws StoreFault */
async function openAccountsOf(
  database: Database,
  { banks, operators }: Pick<DemoData, 'banks' | 'operators'>,
  { ruleBook }: Rules,
): Promise<void> {
  const parties = {
    bankIds: banks.map((bank) => bank.bankId),
    operatorIds: operators.map((operator) => operator.operatorId),
    funders: fundersOf(ruleBook, new Set(operators.map((operator) => operator.jurisdiction))),
  };
  await faultsTranslated(() => openAccounts(database.hot, accountsFor(parties)));
}

/** @throws StartFault address_unusable */
export async function listen(server: Server, host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => {
      reject(new StartFault('address_unusable', `${host}:${port} ${reasonOf(error)}`));
    });
    server.listen(port, host, resolve);
  });
}

function reasonOf(error: Error): string {
  const code = systemErrorCode(error) ?? 'unknown';
  const reasons: Record<string, string> = {
    EADDRINUSE: 'is taken by another process; choose another port with PORT',
    EACCES: 'may not be used by this user; choose another port with PORT',
    EADDRNOTAVAIL: 'is no address of this machine; choose another with HOST',
    ENOTFOUND: 'is no name that this machine knows; choose another with HOST',
  };
  return `${reasons[code] ?? 'cannot be listened on'} (${code})`;
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a listening server has an address');
  return `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`;
}

/** Takes no new connection, answers the requests that are under way, and lets go of connections as they fall idle. */
async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
  });
  const idle = setInterval(() => {
    server.closeIdleConnections();
  }, DRAIN_POLL_MS);
  const deadline = setTimeout(() => {
    server.closeAllConnections();
  }, DRAIN_MAX_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(deadline);
}
