import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { makeDataDir } from '@tapgate/gateway/data-dir';
import { startDatabase } from '@tapgate/gateway/database/database';
import { FaultLog } from '@tapgate/gateway/fault-log';
import { openGatewayDatabase, startGateway, type RunningGateway } from '@tapgate/gateway/gateway';
import { operatorToken } from '@tapgate/gateway/keys/demo-credentials';
import { createDemoKeystore } from '@tapgate/gateway/keys/demo-keystore';
import { openKeystore, openOrCreateKeystore } from '@tapgate/gateway/keys/open-keystore';
import type { Keystore } from '@tapgate/gateway/keys/keystore';
import { keyOwnersOf, loadDemoData, type DemoData } from '@tapgate/gateway/operators/demo-reference';
import type { Settings } from '@tapgate/gateway/settings';
import { StartFault } from '@tapgate/gateway/start-fault';
import type { Database } from '@tapgate/gateway/store/connection';

/** A gateway to send taps to, and what its surroundings need. */
export type AttachedGateway = {
  readonly baseUrl: string;
  readonly operatorToken: string;
  readonly data: DemoData;
  readonly keystore: Keystore;
  /** where the terminals' journals live as long as the gateway's database does */
  readonly journalsFolder: string;
  /** one line for people */
  readonly description: string;
  readonly detach: () => Promise<void>;
};

const HEALTH_TIMEOUT_MS = 1_000;

/**
 * The gateway that runs at HOST and PORT with the keystore of DATA_DIR; or one of its own with everything new in a temporary
 * folder, gone afterwards.
 *
 * @throws StartFault keystore_missing when a gateway runs whose keystore is not in DATA_DIR
 */
export async function attachGateway(settings: Settings): Promise<AttachedGateway> {
  const baseUrl = `http://${settings.host}:${settings.port}`;
  if (!(await isGateway(baseUrl))) {
    const own = await detachedOnSignal(startOwnGateway({}));
    return { ...own, description: `no gateway at ${baseUrl}: started one of its own at ${own.baseUrl}` };
  }
  const keystore = openKeystore(settings)?.keystore;
  if (keystore === undefined)
    throw new StartFault(
      'keystore_missing',
      `a gateway runs at ${baseUrl}, but its keystore is not in ${settings.dataDir}: set DATA_DIR to the folder it was started with`,
    );
  return {
    baseUrl,
    operatorToken: operatorToken(keystore),
    data: loadDemoData(),
    keystore,
    journalsFolder: path.join(settings.dataDir, 'journals'),
    description: `the gateway at ${baseUrl}`,
    detach: () => Promise.resolve(),
  };
}

/** Ctrl-C, also while it still starts: what was made for this run goes, and with it the command. */
async function detachedOnSignal(starting: Promise<OwnGateway>): Promise<OwnGateway> {
  const end = (): void => {
    void starting.then((own) => own.detach()).finally(() => process.exit(INTERRUPTED_EXIT));
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  // A keypress may reach us twice, from the terminal and from npm.
  let isEnding = false;
  const once = (): void => {
    if (!isEnding) end();
    isEnding = true;
  };
  for (const signal of signals) process.on(signal, once);
  try {
    const own = await starting;
    const detach = async (): Promise<void> => {
      await own.detach();
      for (const signal of signals) process.off(signal, once);
    };
    return { ...own, detach };
  } catch (error) {
    for (const signal of signals) process.off(signal, once);
    throw error;
  }
}

/** As a shell counts a command that SIGINT has ended. */
const INTERRUPTED_EXIT = 130;

async function isGateway(baseUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${baseUrl}/health`, { signal: AbortSignal.timeout(HEALTH_TIMEOUT_MS) });
    const health: unknown = await response.json();
    return typeof health === 'object' && health !== null && 'database' in health;
  } catch {
    return false;
  }
}

export type OwnGateway = AttachedGateway & {
  readonly database: Database;
  readonly gateway: RunningGateway;
};

/**
 * A gateway with a database and a keystore made for this run, on a free port of loopback.
 *
 * @param seed    when given, every key derives from it
 * @param dataDir when given, database and keystore are made there and stay, for the commands that take DATA_DIR
 */
export async function startOwnGateway(options: {
  readonly seed?: Uint8Array;
  readonly dataDir?: string;
}): Promise<OwnGateway> {
  const { dataDir } = options;
  const folder =
    dataDir === undefined ? await mkdtemp(path.join(tmpdir(), 'tapgate-run-')) : makeDataDir(dataDir);
  const isKept = dataDir !== undefined;
  const undo: (() => Promise<void>)[] = isKept ? [] : [() => rm(folder, { recursive: true, force: true })];
  const detach = async (): Promise<void> => {
    for (const step of undo.reverse()) await step();
  };
  try {
    const server = await startDatabase({ dataDir: folder, databaseUrl: null });
    undo.push(isKept ? server.stop : server.destroy);
    const database = await openGatewayDatabase(server.url);
    undo.push(() => database.close());
    const data = loadDemoData();
    const createdAt = new Date().toISOString();
    const keystore = isKept
      ? openOrCreateKeystore(
          { dataDir: folder, keystorePassphrase: null },
          keyOwnersOf(data),
          createdAt,
          options.seed,
        ).keystore
      : createDemoKeystore(keyOwnersOf(data), {
          createdAt,
          ...(options.seed === undefined ? {} : { seed: options.seed }),
        });
    const gateway = await startGateway({
      ...{ database, keystore, data, host: '127.0.0.1', port: 0 },
      onFault: new FaultLog().report,
    });
    undo.push(gateway.stop);
    return {
      baseUrl: gateway.url,
      operatorToken: operatorToken(keystore),
      data,
      keystore,
      journalsFolder: path.join(folder, 'journals'),
      description: `a gateway of its own at ${gateway.url}`,
      database,
      gateway,
      detach,
    };
  } catch (error) {
    await detach();
    throw error;
  }
}
