import { parentPort, workerData } from 'node:worker_threads';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { CutOver } from '../store/clearing-batches.ts';
import { openDatabase, type Database } from '../store/connection.ts';
import type { BuiltFile } from './build-batch.ts';
import type { FileOrder } from './closing.ts';
import { makeOrdered } from './make-ordered.ts';
import { packFault, type TravellingFault } from './travelling-fault.ts';

/**
 * Makes files on a thread of its own, one order at a time. It holds no keystore: the key of a service date is asked of the thread that
 * opened it, and comes as a message, as the salt of a claim comes with its order.
 */
export type ThreadData = { readonly databaseUrl: string; readonly cut: CutOver };
export type ToThread =
  | { readonly kind: 'make'; readonly order: FileOrder; readonly claimSalt: Uint8Array | null }
  | { readonly kind: 'data_key'; readonly serviceDate: IsoDate; readonly key: Uint8Array | null }
  | { readonly kind: 'end' };
export type FromThread =
  | { readonly kind: 'data_key_wanted'; readonly serviceDate: IsoDate }
  | { readonly kind: 'piece_written' }
  | { readonly kind: 'built'; readonly built: BuiltFile }
  | { readonly kind: 'failed'; readonly fault: TravellingFault };

/** A cursor, what is withheld meanwhile, and taps of another date. */
const CONNECTIONS = { hotConnections: 3, ormConnections: 1 };

const { databaseUrl, cut } = workerData as ThreadData;
const waiting = new Map<IsoDate, (key: Uint8Array | null) => void>();
let opening: Promise<Database> | null = null;

function tell(message: FromThread): void {
  parentPort?.postMessage(message);
}

function dataKeyOf(serviceDate: IsoDate): Promise<Uint8Array | null> {
  return new Promise((resolve) => {
    waiting.set(serviceDate, resolve);
    tell({ kind: 'data_key_wanted', serviceDate });
  });
}

async function make(order: FileOrder, claimSalt: Uint8Array | null): Promise<BuiltFile> {
  opening ??= openDatabase(databaseUrl, CONNECTIONS);
  const keys = {
    claimSalt: () => {
      if (claimSalt === null) throw new Error('an order that needs the salt of claims brings it');
      return claimSalt;
    },
  };
  const reached = (): void => {
    tell({ kind: 'piece_written' });
  };
  return makeOrdered({ database: await opening, dataKeyOf, keys, reached, cut }, order);
}

async function end(): Promise<void> {
  if (opening !== null) await (await opening).close();
  parentPort?.close();
}

parentPort?.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'make':
      make(message.order, message.claimSalt).then(
        (built) => {
          tell({ kind: 'built', built });
        },
        (fault: unknown) => {
          tell({ kind: 'failed', fault: packFault(fault) });
        },
      );
      return;
    case 'data_key':
      waiting.get(message.serviceDate)?.(message.key);
      waiting.delete(message.serviceDate);
      return;
    case 'end':
      void end();
  }
});
