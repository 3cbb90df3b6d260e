import { createServer } from 'node:http';
import { makeDataDir } from './data-dir.ts';
import { FaultLog } from './fault-log.ts';
import { startDatabase, type RunningDatabase } from './database/database.ts';
import { listen, openGatewayDatabase, startGateway, type RunningGateway } from './gateway.ts';
import { operatorToken } from './keys/demo-credentials.ts';
import { DEMO_CA, type KeyOwners } from './keys/demo-keystore.ts';
import { openKeystore, openOrCreateKeystore, type OpenKeystore } from './keys/open-keystore.ts';
import { keyOwnersOf, loadDemoData } from './operators/demo-reference.ts';
import { readSettings, type Settings } from './settings.ts';
import { describeStartFault, StartFault } from './start-fault.ts';
import type { Database } from './store/connection.ts';
import { findCaPublicKey } from './store/reference-data.ts';

// Wiring only: settings, database, keystore, the demonstration's data, the gateway; and the way back on a signal.

/** What has been started, in the order of starting; stopped in the other order. */
const started: { readonly stop: () => Promise<void> }[] = [];
const faults = new FaultLog();
let stopping: { readonly sinceMs: number } | null = null;

const isStopping = (): boolean => stopping !== null;

/** A keypress may reach us twice, from the terminal and from npm; a second one that is meant comes later than this. */
const SAME_KEYPRESS_MS = 1_000;

const say = (line = ''): void => {
  process.stdout.write(`${line}\n`);
};

async function start(): Promise<void> {
  const settings = readSettings(process.env);
  // Known before anything is started, and known again when it counts.
  await refuseTakenAddress(settings);
  makeDataDir(settings.dataDir);
  const server = await startDatabase(settings, (line) => {
    say(`database  ${line}`);
  });
  started.push(server);
  if (isStopping()) return;
  const database = await openGatewayDatabase(server.url);
  started.push({ stop: () => database.close() });
  if (isStopping()) return;
  const data = loadDemoData();
  const keys = await keystoreFor(settings, database, keyOwnersOf(data));
  const { host, port } = settings;
  const gateway = await startGateway({
    database,
    keystore: keys.keystore,
    data,
    host,
    port,
    firstLists: true,
    onFault: faults.report,
  });
  started.push(gateway);
  if (!isStopping()) introduce(server, keys, gateway);
}

async function refuseTakenAddress({ host, port }: Settings): Promise<void> {
  const probe = createServer();
  await listen(probe, host, port);
  await new Promise((resolve) => probe.close(resolve));
}

/**
 * The keystore of DATA_DIR, made at the first start.
 *
 * @throws StartFault keystore_missing, keystore_differs: a database whose cards and records are named and sealed under other keys
 *   is not touched
 */
async function keystoreFor(settings: Settings, database: Database, owners: KeyOwners): Promise<OpenKeystore> {
  const known = await findCaPublicKey(database, DEMO_CA);
  if (known !== null && openKeystore(settings) === null) {
    throw new StartFault(
      'keystore_missing',
      `the database was made under a keystore that is not in ${settings.dataDir}; restore it, or start with a new DATA_DIR`,
    );
  }
  const keys = openOrCreateKeystore(settings, owners, new Date().toISOString());
  const own = keys.keystore.current('root-ca').publicKeyXy;
  if (known !== null && (own === null || Buffer.compare(known, own) !== 0)) {
    throw new StartFault(
      'keystore_differs',
      `the database was made under another keystore than ${keys.file}: each keystore has a database of its own`,
    );
  }
  return keys;
}

function introduce(server: RunningDatabase, keys: OpenKeystore, gateway: RunningGateway): void {
  for (const line of server.describe()) say(`database  ${line}`);
  say(`keystore  ${keys.file}${keys.created ? ', made now' : ''}`);
  if (keys.passphraseFile !== null) {
    say(`keystore  its passphrase was generated and lies beside it, in ${keys.passphraseFile}:`);
    say(
      'keystore  FOR A DEMONSTRATION ONLY; set KEYSTORE_PASSPHRASE before the first start for anything else',
    );
  }
  const { operators, lines, stations, terminals, banks } = gateway.reference;
  say(
    `demo      ${operators.size} operators, ${lines.size} lines, ${stations.size} stations, ${terminals.size} terminals, ` +
      `${banks.size} banks; requests may state their time (Demo-Time)`,
  );
  if (keys.created) {
    say(`token     ${operatorToken(keys.keystore)}`);
    say(
      'token     for the operator’s people and tools; shown this once, again by npm run keys -- operator-token',
    );
  }
  say(`gateway   listens on ${gateway.url}`);
  say();
  // What is set for this gateway must be set for those who look for it.
  const set = ['HOST', 'PORT', 'DATA_DIR'].filter((name) => process.env[name] !== undefined);
  const where = set.map((name) => `${name}=${process.env[name] ?? ''} `).join('');
  say('Try next, in another terminal:');
  say(`  curl ${gateway.url}/health`);
  say(`  ${where}npm run tap -- --all          one tap of every kind down the whole line`);
  say(`  ${where}npm run keys -- list          which keys there are`);
  say('  npm run demo                  a whole service day, and the proof that it ties');
  say(
    `  curl -H "Authorization: Bearer $(${where}npm run -s keys -- operator-token)" ${gateway.url}/v1/settlement`,
  );
  say('Ctrl-C stops the gateway and its database.');
}

/** Stops what was started, last first: requests are answered before the database goes. A start under way ends first. */
async function stop(exitCode: number): Promise<void> {
  if (isStopping()) return;
  stopping = { sinceMs: performance.now() };
  await starting;
  let code = exitCode;
  for (const part of started.reverse()) {
    try {
      await part.stop();
    } catch (fault) {
      faults.report(fault);
      code = 1;
    }
  }
  process.exit(code);
}

function onSignal(signal: NodeJS.Signals): void {
  if (stopping === null) {
    say(`${signal}: stopping; what is under way is answered first`);
    void stop(0);
  } else if (performance.now() - stopping.sinceMs > SAME_KEYPRESS_MS) {
    say(`${signal} again: stopping at once`);
    process.exit(1);
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (fault: unknown) => {
    faults.report(fault);
    void stop(1);
  });
}

const starting: Promise<number> = start().then(
  () => 0,
  (error: unknown) => {
    process.stderr.write(`${describeStartFault(error)}\n`);
    return error instanceof StartFault ? error.exitCode : 1;
  },
);
const failure = await starting;
if (failure !== 0) await stop(failure);
