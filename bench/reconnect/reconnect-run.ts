import { randomBytes } from 'node:crypto';
import { createDemoKeystore } from '@tapgate/gateway/keys/demo-keystore';
import { operatorToken } from '@tapgate/gateway/keys/demo-credentials';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { keyOwnersOf, loadDemoData } from '@tapgate/gateway/operators/demo-reference';
import { TapGateClient } from '@tapgate/sdk/client';
import { generateSm2KeyPair, sm2Sign, type Sm2KeyPair } from '@tapgate/sdk/gm/sm2';
import { DEFAULT_GATE_PARAMETERS } from '@tapgate/sdk/lists/gate-parameters';
import { listKeyIdOf } from '@tapgate/sdk/lists/name-list';
import { seededRandom } from '../../scenarios/seeded-random.ts';
import { Child } from '../limits/child.ts';
import { GATEWAY } from '../node-start.ts';
import { percentile, type Figure } from '../micro/figure.ts';
import { BacklogTaps, benchLineOf, benchTerminalId } from './backlog-taps.ts';
import type { GatewayPlace, GatewayUse, TerminalsOrder } from './reconnect-gateway-process.ts';
import { comeBack, takeLists, type CameBack } from './simulated-validator.ts';

const TERMINALS = 18_000;
const WINDOW_MS = 5 * 60 * 1000;
/** After the window: the last of them came at its end. */
const MARGIN_MS = 30_000;
/** What a gate of a city with six million taps a day makes in five minutes without a network. */
const BACKLOG = 2;
const LIVE_PER_S = 20;
/** Live taps come from gates that stayed in touch. */
const LIVE_TERMINALS = 50;
const TAPS_BEFORE_PROGRESS = 10_000;
/** A gateway's code is compiled after its first minute and runs for months: these come and go before the clock starts. */
const REHEARSAL_MS = 10_000;

export type ReconnectOrder = {
  /** of both the terminals and the time, so that the rate stays */
  readonly scale: number;
  /** leaves a CPU profile of the gateway here */
  readonly profileFolder: string | null;
  readonly onProgress: (line: string) => void;
};

/**
 * Every terminal of a large city comes back within five minutes, each at its own random moment, as after an outage: it proves itself with
 * SM2, fetches the gate parameters that were published meanwhile, sends the taps it holds and says how it is, over HTTP, beside live
 * taps. All terminals are in this process, the gateway is in one of its own as `npm start` starts it, its database beside it: 2 cores
 * carry all three.
 *
 * Expected before measuring, per issue: everyone in step within the window and 30 s, live p99 <= 300 ms, no tap lost.
 */
export async function runReconnect(order: ReconnectOrder): Promise<readonly Figure[]> {
  const { onProgress } = order;
  const seed = randomBytes(16);
  const flags = [...GATEWAY.flags];
  if (order.profileFolder !== null) flags.push('--cpu-prof', `--cpu-prof-dir=${order.profileFolder}`);
  const gateway = new Child('../reconnect/reconnect-gateway-process.ts', { ...GATEWAY, flags });
  try {
    onProgress(`seed ${seed.toString('hex')}`);
    const { baseUrl } = await gateway.ask<GatewayPlace>('start', { seed });
    const run = await prepare(order, { gateway, baseUrl, seed });
    await run.rehearse();
    onProgress(`${run.terminals} terminals come back within ${run.windowMs / 1_000} s`);
    return await run.measure();
  } finally {
    await gateway.ask('stop').catch(() => undefined);
    await gateway.end();
  }
}

type Surroundings = { readonly gateway: Child; readonly baseUrl: string; readonly seed: Uint8Array };

async function prepare({ scale, onProgress }: ReconnectOrder, around: Surroundings) {
  const { gateway, baseUrl, seed } = around;
  const data = loadDemoData();
  const keystore = createDemoKeystore(keyOwnersOf(data), { createdAt: new Date().toISOString(), seed });
  const keyPair = generateSm2KeyPair();
  const line = benchLineOf(data, keyPair.publicKeyXy);
  const terminals = Math.max(1, Math.round(TERMINALS * scale));
  const windowMs = WINDOW_MS * scale;
  const rehearsing = Math.ceil((terminals * REHEARSAL_MS) / windowMs);
  const count = LIVE_TERMINALS + rehearsing + terminals;
  await gateway.ask('register', {
    ...{ count, publicKeyXy: keyPair.publicKeyXy, place: line.place },
  } satisfies TerminalsOrder);
  await untilKnown(baseUrl, keyPair, count - 1);

  const taps = new BacklogTaps(keystore, line);
  const untilMs = Date.now() - 60_000;
  let made = 0;
  const backlogs = Array.from({ length: rehearsing + terminals }, (_, index) => {
    const backlog = taps.of(LIVE_TERMINALS + index, { from: 1, count: BACKLOG, untilMs });
    if (++made % TAPS_BEFORE_PROGRESS === 0) onProgress(`made the taps of ${made} terminals`);
    return backlog;
  });
  const liveOf = (durationMs: number, from: number) => {
    const perTerminal = Math.ceil((LIVE_PER_S * durationMs) / 1_000 / LIVE_TERMINALS);
    return Array.from({ length: LIVE_TERMINALS }, (_, terminal) =>
      taps.of(terminal, { from, count: perTerminal, untilMs }),
    );
  };
  const [rehearsed, live] = [liveOf(REHEARSAL_MS, 1), liveOf(windowMs, 1_000_000)];

  const listKeyId = listKeyIdOf(new KeystoreProvider(keystore).listKey());
  await publishParameters(baseUrl, operatorToken(keystore), 90_000);
  const held = await heldBefore(clientOf(baseUrl, keyPair, 0), listKeyId);
  await publishParameters(baseUrl, operatorToken(keystore), 60_000);
  const random = seededRandom(Buffer.from(seed).toString('hex'));
  const back = (first: number, howMany: number, withinMs: number, deadlineMs: number) => {
    const moments = Array.from({ length: howMany }, () => random.next() * withinMs).sort((a, b) => a - b);
    return atMoments(moments, (index) =>
      comeBack(
        {
          ...{ baseUrl, keyPair, held, listKeyId, firstSequence: 1 },
          terminalId: benchTerminalId(LIVE_TERMINALS + first + index),
          backlog: backlogs[first + index] ?? [],
        },
        deadlineMs,
      ),
    );
  };
  const clients = Array.from({ length: LIVE_TERMINALS }, (_, index) => clientOf(baseUrl, keyPair, index));
  const tap = (records: ReturnType<typeof liveOf>, durationMs: number) => {
    const all = records.flatMap((of, terminal) => of.map((record) => ({ record, terminal })));
    // One terminal after the other, so that each has its taps in order and time between them.
    const rounds = all.length / LIVE_TERMINALS;
    const inOrder = all.map(
      (_, index) => all[(index % LIVE_TERMINALS) * rounds + Math.floor(index / LIVE_TERMINALS)],
    );
    const moments = inOrder.map((_, index) => (index * durationMs) / inOrder.length);
    return atMoments(moments, async (index) => {
      const next = inOrder[index];
      const client = clients[next?.terminal ?? 0];
      if (next === undefined || client === undefined) return null;
      const startedAt = performance.now();
      try {
        await client.sendTap(next.record);
        return performance.now() - startedAt;
      } catch {
        return null;
      }
    });
  };
  return {
    ...{ terminals, windowMs },
    rehearse: async () => {
      await Promise.all([
        back(0, rehearsing, REHEARSAL_MS, performance.now() + REHEARSAL_MS + MARGIN_MS),
        tap(rehearsed, REHEARSAL_MS),
      ]);
    },
    measure: async () => {
      const tapsBefore = await gateway.ask<number>('countTaps');
      const before = await gateway.ask<GatewayUse>('use');
      const ownBefore = process.cpuUsage();
      const startedAt = performance.now();
      const [cameBack, liveMs] = await Promise.all([
        back(rehearsing, terminals, windowMs, startedAt + windowMs + MARGIN_MS),
        tap(live, windowMs),
      ]);
      const seconds = (performance.now() - startedAt) / 1_000;
      const own = process.cpuUsage(ownBefore);
      const after = await gateway.ask<GatewayUse>('use');
      const tapsAfter = await gateway.ask<number>('countTaps');
      return figuresOf({
        ...{ cameBack, liveMs, seconds, windowMs, before, after },
        ownMs: (own.user + own.system) / 1_000,
        tapsStored: tapsAfter - tapsBefore,
      });
    },
  };
}

type Measured = {
  readonly cameBack: readonly CameBack[];
  readonly liveMs: readonly (number | null)[];
  readonly seconds: number;
  readonly windowMs: number;
  readonly before: GatewayUse;
  readonly after: GatewayUse;
  readonly ownMs: number;
  readonly tapsStored: number;
};

function figuresOf(measured: Measured): readonly Figure[] {
  const { cameBack, liveMs, before, after } = measured;
  const inStep = cameBack.flatMap(({ inStepMs }) => (inStepMs === null ? [] : [inStepMs]));
  const accepted = liveMs.filter((ms) => ms !== null);
  const sum = (of: (one: CameBack) => number): number => cameBack.reduce((total, one) => total + of(one), 0);
  const each = (ms: number): number => ms / cameBack.length;
  const sent = cameBack.length * BACKLOG + liveMs.length;
  return [
    { name: 'terminals in step', value: inStep.length, unit: '', atLeast: cameBack.length },
    {
      name: 'until the last one was',
      value: measured.seconds,
      unit: 's',
      atMost: (measured.windowMs + MARGIN_MS) / 1_000,
    },
    { name: 'one, from first request to in step, p50', value: percentile(inStep, 50), unit: 'ms' },
    { name: 'one, from first request to in step, p99', value: percentile(inStep, 99), unit: 'ms' },
    { name: '  rounds that had to be repeated', value: sum((one) => one.repeats), unit: '' },
    {
      name: '  list bodies fetched',
      value: sum((one) => one.listsTaken),
      unit: '',
      atLeast: cameBack.length,
    },
    { name: 'taps that were held or made meanwhile', value: sent, unit: '' },
    { name: '  of them in the gateway', value: measured.tapsStored, unit: '', atLeast: sent, atMost: sent },
    { name: '  of them refused', value: sum((one) => one.tapsRefused), unit: '', atMost: 0 },
    {
      name: `live taps, ${LIVE_PER_S}/s, accepted`,
      value: accepted.length,
      unit: '',
      atLeast: liveMs.length,
    },
    { name: 'live tap, p50', value: percentile(accepted, 50), unit: 'ms' },
    { name: 'live tap, p99', value: percentile(accepted, 99), unit: 'ms', atMost: 300 },
    {
      name: 'processor time for one, gateway, first thread',
      value: each(after.mainMs - before.mainMs),
      unit: 'ms',
    },
    {
      name: '  gateway, other threads',
      value: each(after.otherThreadsMs - before.otherThreadsMs),
      unit: 'ms',
    },
    { name: '  database', value: each(after.databaseMs - before.databaseMs), unit: 'ms' },
    { name: '  simulated terminals', value: each(measured.ownMs), unit: 'ms' },
    { name: 'gateway, resident', value: after.residentMb, unit: 'MB' },
  ];
}

function clientOf(baseUrl: string, keyPair: Sm2KeyPair, terminal: number): TapGateClient {
  return new TapGateClient({
    ...{ baseUrl, retryPolicy: { attemptsMax: 1, firstDelayMs: 0, delayMaxMs: 0 } },
    authentication: {
      terminalId: benchTerminalId(terminal),
      sign: (message) => sm2Sign({ ...keyPair, message }),
    },
  });
}

/** What every terminal had before the outage: the newest of each list. */
async function heldBefore(client: TapGateClient, listKeyId: string): Promise<ReadonlyMap<string, string>> {
  const held = new Map<string, string>();
  await takeLists(client, held, listKeyId);
  return held;
}

/** Every gateway process reads its terminals again within two seconds (gateway/terminals/terminal-watch.ts). */
async function untilKnown(baseUrl: string, keyPair: Sm2KeyPair, last: number): Promise<void> {
  const client = clientOf(baseUrl, keyPair, last);
  for (;;) {
    try {
      await client.openTerminalSession();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** @returns the version */
async function publishParameters(baseUrl: string, token: string, passBackWindowMs: number): Promise<number> {
  const response = await fetch(`${baseUrl}/v1/gate-parameters`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ parameters: { ...DEFAULT_GATE_PARAMETERS, passBackWindowMs } }),
  });
  if (!response.ok) throw new Error(`gate parameters were refused: ${response.status}`);
  return ((await response.json()) as { readonly version: number }).version;
}

/** Begins each at its moment, ms from now and ascending, whether or not those before it are done. */
async function atMoments<Result>(
  moments: readonly number[],
  work: (index: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const startedAt = performance.now();
  const all: Promise<Result>[] = [];
  for (const [index, moment] of moments.entries()) {
    const waitMs = startedAt + moment - performance.now();
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
    all.push(work(index));
  }
  return Promise.all(all);
}
