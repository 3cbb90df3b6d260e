import { randomBytes } from 'node:crypto';
import { TapGateClient } from '@tapgate/sdk/client';
import { generateSm2KeyPair, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { listKeyIdOf } from '@tapgate/sdk/lists/name-list';
import { terminalId } from '@tapgate/sdk/wire/identifiers';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { startOwnGateway, type OwnGateway } from '../scenarios/city/attach-gateway.ts';
import { percentile, type Figure } from './micro/figure.ts';
import { prepareTaps, type PreparedTaps } from './prepared-taps.ts';

const TERMINALS = 18_000;
const WINDOW_MS = 5 * 60 * 1000;
const LIVE_PER_S = 20;

/**
 * Every terminal of a large city comes back within five minutes, as after an outage: each proves itself with SM2, asks what lists to
 * have and says how it is, over HTTP, beside live taps. The gateway runs in this very process, with its own database beside it: what
 * is measured is both ends on one machine.
 *
 * @param scale of both the terminals and the time, so that the rate stays
 */
export async function runReconnect(order: {
  readonly scale: number;
  readonly onProgress: (line: string) => void;
}): Promise<readonly Figure[]> {
  const own = await startOwnGateway({});
  try {
    const terminals = Math.max(1, Math.round(TERMINALS * order.scale));
    const windowMs = WINDOW_MS * order.scale;
    const keyPair = generateSm2KeyPair();
    await registerTerminals(own, terminals, keyPair.publicKeyXy);
    order.onProgress(`making ${Math.ceil((LIVE_PER_S * windowMs) / 1_000)} live taps`);
    const live = await prepareTaps(own, {
      ...{ taps: Math.ceil((LIVE_PER_S * windowMs) / 1_000), rail: 'oda', nowMs: Date.now() },
      ...{ seed: randomBytes(8).toString('hex'), onProgress: () => undefined },
    });
    order.onProgress(`${terminals} terminals come back within ${windowMs / 1_000} s`);
    const keyId = listKeyIdOf(new KeystoreProvider(own.keystore).listKey());
    const startedAt = performance.now();
    const [back, tapMs] = await Promise.all([
      spread(terminals, windowMs, (index) => comeBack(own, index, keyPair, keyId)),
      sendLive(own, live, windowMs),
    ]);
    const seconds = (performance.now() - startedAt) / 1_000;
    const done = back.filter((ms) => ms !== null);
    const accepted = tapMs.filter((ms) => ms !== null);
    return [
      { name: 'terminals that came back', value: done.length, unit: '', atLeast: terminals },
      { name: 'until the last one was back', value: seconds, unit: 's', atMost: (windowMs / 1_000) * 1.1 },
      { name: 'session, plan and report of one, p50', value: percentile(done, 50), unit: 'ms' },
      {
        name: 'session, plan and report of one, p99',
        value: percentile(done, 99),
        unit: 'ms',
        atMost: 5_000,
      },
      {
        name: `live taps meanwhile, ${LIVE_PER_S}/s, accepted`,
        value: accepted.length,
        unit: '',
        atLeast: tapMs.length,
      },
      { name: 'live tap, p50', value: percentile(accepted, 50), unit: 'ms' },
      { name: 'live tap, p99', value: percentile(accepted, 99), unit: 'ms', atMost: 500 },
    ];
  } finally {
    await own.detach();
  }
}

const idOf = (index: number) => terminalId(`R${String(index).padStart(7, '0')}`);

/** Terminals of the first line, all with one key: what a proof costs does not depend on whose it is. */
async function registerTerminals(own: OwnGateway, count: number, publicKeyXy: Uint8Array): Promise<void> {
  const [operator] = own.data.operators;
  const line = operator?.lines[0];
  const like = line?.terminals[0];
  if (operator === undefined || line === undefined || like === undefined)
    throw new RangeError('the demonstration has a terminal');
  await own.database.hot`
    insert into terminal (terminal_id, operator_id, line_id, station_id, tap_kind, sm2_public_key, enrolled_at)
    select 'R' || lpad(n::text, 7, '0'), ${operator.operatorId}, ${line.lineId}, ${like.stationId}, ${like.tapKind},
      ${Buffer.from(publicKeyXy)}, now()
    from generate_series(0, ${count - 1}::integer) as n`;
  // Every gateway process reads its terminals again within two seconds (gateway/terminals/terminal-watch.ts).
  for (;;) {
    const answer = await probe(own);
    if (answer !== 'terminal_unknown') return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A proof that cannot hold: what it is refused with says whether the terminal is known. */
async function probe(own: OwnGateway): Promise<string> {
  const response = await fetch(`${own.baseUrl}/v1/terminal-sessions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ terminalId: idOf(0), issuedAtMs: Date.now(), nonce: randomBytes(16).toString('hex') },
      signature: Buffer.alloc(64).toString('base64'),
    }),
  });
  const body = (await response.json()) as { readonly error?: { readonly code: string } };
  return body.error?.code ?? '';
}

/** @returns how long it took, ms; null when it did not come through */
async function comeBack(
  own: OwnGateway,
  index: number,
  keyPair: ReturnType<typeof generateSm2KeyPair>,
  keyId: string,
): Promise<number | null> {
  const { privateKey, publicKeyXy } = keyPair;
  const client = new TapGateClient({
    baseUrl: own.baseUrl,
    timeoutMs: 30_000,
    authentication: {
      terminalId: idOf(index),
      sign: (message) => sm2Sign({ privateKey, publicKeyXy, message }),
    },
  });
  const startedAt = performance.now();
  try {
    await client.getListPlan('ca_keys:1,concessions:1', keyId);
    await client.sendTerminalReport({
      ...{ sentAtMs: Date.now(), software: 'bench', lists: { ca_keys: 1, concessions: 1 }, staleLists: [] },
      ...{ queueDepth: 40, refusedRecords: 0, oldestUnsentAtMs: Date.now() - 3_600_000 },
      faults: [{ faultNo: 1, code: 'gateway_unreachable', atMs: Date.now() - 3_600_000, detail: null }],
    });
    return performance.now() - startedAt;
  } catch {
    return null;
  }
}

function sendLive(
  own: OwnGateway,
  live: PreparedTaps,
  windowMs: number,
): Promise<readonly (number | null)[]> {
  return spread(live.taps.length, windowMs, async (index) => {
    const tap = live.taps[index];
    const startedAt = performance.now();
    const response = await fetch(`${own.baseUrl}/v1/taps`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${live.tokens[tap?.terminalId ?? ''] ?? ''}`,
      },
      body: JSON.stringify({ record: tap?.record ?? '' }),
    }).catch(() => null);
    await response?.arrayBuffer();
    return response?.ok === true ? performance.now() - startedAt : null;
  });
}

/** Begins each at its moment within the window, whether or not those before it are done. */
async function spread<Result>(
  count: number,
  windowMs: number,
  work: (index: number) => Promise<Result>,
): Promise<readonly Result[]> {
  const startedAt = performance.now();
  const all: Promise<Result>[] = [];
  for (let index = 0; index < count; index++) {
    const waitMs = startedAt + (windowMs * index) / count - performance.now();
    if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
    all.push(work(index));
  }
  return Promise.all(all);
}
