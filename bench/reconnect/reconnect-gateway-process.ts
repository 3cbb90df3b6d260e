import { readFileSync } from 'node:fs';
import path from 'node:path';
import { startOwnGateway, type OwnGateway } from '../../scenarios/city/attach-gateway.ts';
import { serveOrders } from '../limits/child.ts';
import { threadCpuMs, treeCpuMs, type ThreadTimes } from '../limits/cpu-time.ts';

// The gateway of the bench in a process of its own, with its database beside it: what the validators cost is not its time.

export type GatewayPlace = { readonly baseUrl: string };
export type TerminalsOrder = {
  readonly count: number;
  readonly publicKeyXy: Uint8Array;
  readonly place: {
    readonly operatorId: string;
    readonly lineId: string;
    readonly stationId: string | null;
    readonly tapKind: string;
  };
};
export type GatewayUse = ThreadTimes & { readonly databaseMs: number; readonly residentMb: number };

let own: OwnGateway | null = null;

function running(): OwnGateway {
  if (own === null) throw new Error('the gateway of the bench was not started');
  return own;
}

/** @param seed from which whoever sends taps has the same keys */
async function start({ seed }: { readonly seed: Uint8Array }): Promise<GatewayPlace> {
  own = await startOwnGateway({ seed });
  return { baseUrl: own.baseUrl };
}

/** Terminals R0000000 and on, all with one key: what a proof costs does not depend on whose it is. */
async function register({ count, publicKeyXy, place }: TerminalsOrder): Promise<void> {
  await running().database.hot`
    insert into terminal (terminal_id, operator_id, line_id, station_id, tap_kind, sm2_public_key, enrolled_at)
    select 'R' || lpad(n::text, 7, '0'), ${place.operatorId}, ${place.lineId}, ${place.stationId}, ${place.tapKind},
      ${Buffer.from(publicKeyXy)}, now()
    from generate_series(0, ${count - 1}::integer) as n`;
}

async function countTaps(): Promise<number> {
  const [row] = await running().database.hot<{ taps: string }[]>`select count(*) as taps from tap_identity`;
  return Number(row?.taps ?? 0);
}

async function use(): Promise<GatewayUse> {
  const [row] = await running().database.hot<{ folder: string }[]>`
    select current_setting('data_directory') as folder`;
  return {
    ...threadCpuMs(),
    databaseMs: treeCpuMs(postmasterOf(row?.folder ?? '')) ?? 0,
    residentMb: process.memoryUsage().rss / 1e6,
  };
}

function postmasterOf(folder: string): number {
  return Number(readFileSync(path.join(folder, 'postmaster.pid'), 'latin1').split('\n')[0]);
}

async function stop(): Promise<void> {
  await own?.detach();
  own = null;
}

serveOrders({ start, register, countTaps, use, stop });
