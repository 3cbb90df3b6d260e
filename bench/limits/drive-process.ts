import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { serveOrders } from './child.ts';
import { threadCpuMs } from './cpu-time.ts';
import { HttpConnection } from './http-connection.ts';
import { readRecordFile, type PreparedRecord } from './record-file.ts';

/** Groups of files stand one behind the other; the files of a group alternate, as they were made by card. */
export type LoadOrder = { readonly groups: readonly (readonly string[])[] };

export type LiveOrder = {
  readonly port: number;
  /** records from this one on, of those that are loaded */
  readonly from: number;
  readonly count: number;
  /** connections, each with one request under way: what a closed loop has in flight */
  readonly connections: number;
  /** taps a second, evenly; null: each connection sends again as soon as it is answered */
  readonly ratePerS: number | null;
  readonly budgetMs: number | null;
  /** at a rate only: once each was sent, those that were refused for want of room are sent again until the time is over */
  readonly sendsAgain: boolean;
  readonly secondsMax: number;
};

export type BulkOrder = {
  readonly port: number;
  readonly from: number;
  readonly count: number;
  readonly uploads: number;
};

export type Driven = {
  readonly sent: number;
  readonly accepted: number;
  readonly overloaded: number;
  readonly failed: number;
  readonly seconds: number;
  /** of those that were accepted, ms; empty for a bulk upload */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU time of the generator itself */
  readonly cpuMs: number;
};

let records: PreparedRecord[] = [];
/** as they were last sent, with that budget */
let requests: (Buffer | undefined)[] = [];
let requestsBudgetMs: number | null = null;

/** @returns how many records each group has */
function load({ groups }: LoadOrder): number[] {
  const loaded = groups.map((files) => interleaved(files.map(readRecordFile)));
  records = loaded.flat();
  requests = new Array<Buffer | undefined>(records.length);
  return loaded.map((group) => group.length);
}

/** The parts were made by card; put together they alternate, so that each keeps its order. */
function interleaved(parts: readonly PreparedRecord[][]): PreparedRecord[] {
  const longest = Math.max(...parts.map((part) => part.length));
  const together: PreparedRecord[] = [];
  for (let index = 0; index < longest; index++)
    for (const part of parts) together.push(...part.slice(index, index + 1));
  return together;
}

function requestOf(index: number, budgetMs: number | null): Buffer | undefined {
  if (budgetMs !== requestsBudgetMs) {
    requests = new Array<Buffer | undefined>(records.length);
    requestsBudgetMs = budgetMs;
  }
  const found = requests[index];
  if (found !== undefined) return found;
  const prepared = records[index];
  if (prepared === undefined) return undefined;
  const body = `{"record":"${Buffer.from(prepared.record).toString('base64')}"}`;
  const budget = budgetMs === null ? '' : `Tap-Budget-Ms: ${budgetMs}\r\n`;
  const request = Buffer.from(
    `POST /v1/taps HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${prepared.token}\r\n${budget}` +
      `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    'latin1',
  );
  requests[index] = request;
  return request;
}

async function live(order: LiveOrder): Promise<Driven> {
  const last = Math.min(order.from + order.count, records.length);
  for (let index = order.from; index < last; index++) requestOf(index, order.budgetMs);
  const connections = await Promise.all(
    Array.from({ length: order.connections }, () => HttpConnection.open(order.port)),
  );
  const cpuBefore = cpuMs();
  const startedMs = performance.now();
  const deadlineMs = startedMs + order.secondsMax * 1_000;
  const latencies: number[] = [];
  const refused: number[] = [];
  let [next, sent, accepted, overloaded, failed] = [order.from, 0, 0, 0, 0];
  const sendOne = async (connection: HttpConnection, index: number, dueMs: number): Promise<void> => {
    const request = requestOf(index, order.budgetMs);
    if (request === undefined) return;
    sent += 1;
    const { status, body } = await connection.send(request);
    if (status === 200 && body.includes('"outcome":"chargeable"')) {
      accepted += 1;
      latencies.push(performance.now() - dueMs);
    } else if (status === 503 && body.includes('overloaded')) {
      overloaded += 1;
      if (order.sendsAgain) refused.push(index);
    } else failed += 1;
  };
  const closedLoop = async (connection: HttpConnection): Promise<void> => {
    while (next < last && performance.now() < deadlineMs) {
      const index = next;
      next += 1;
      await sendOne(connection, index, performance.now());
    }
  };
  const openLoop = async (ratePerS: number): Promise<void> => {
    const idle = [...connections];
    const due: number[] = [];
    const underWay = new Set<Promise<void>>();
    const start = (): void => {
      for (let dueMs = due[0]; dueMs !== undefined && idle.length > 0; dueMs = due[0]) {
        // In turn, as gates are: one that rests for too long would be closed by the server.
        const index = next < last ? next : refused.shift();
        const connection = index === undefined ? undefined : idle.shift();
        if (index === undefined || connection === undefined) return;
        due.shift();
        if (index === next) next += 1;
        const one = sendOne(connection, index, dueMs).finally(() => {
          underWay.delete(one);
          idle.push(connection);
          start();
        });
        underWay.add(one);
      }
    };
    let scheduled = 0;
    const taps = order.sendsAgain ? Infinity : last - order.from;
    while (scheduled < taps && performance.now() < deadlineMs) {
      const wanted = Math.min(taps, Math.floor(((performance.now() - startedMs) / 1_000) * ratePerS));
      // Each is due at its own moment, whenever this loop gets to it: waiting for a connection counts as latency.
      for (; scheduled < wanted; scheduled++) due.push(startedMs + ((scheduled + 1) / ratePerS) * 1_000);
      start();
      await pause(1);
    }
    // What is due again may wait for a refusal that will not come.
    if (order.sendsAgain) due.length = 0;
    while (due.length > 0 || underWay.size > 0) await pause(1);
  };
  if (order.ratePerS === null) await Promise.all(connections.map(closedLoop));
  else await openLoop(order.ratePerS);
  const seconds = (performance.now() - startedMs) / 1_000;
  for (const connection of connections) connection.close();
  return {
    sent,
    accepted,
    overloaded,
    failed,
    seconds,
    ...percentiles(latencies),
    cpuMs: cpuMs() - cpuBefore,
  };
}

/** The backlog of terminals: each upload has the records of one, and several run at once. */
async function bulk(order: BulkOrder): Promise<Driven> {
  const byTerminal = new Map<string, PreparedRecord[]>();
  for (const record of records.slice(order.from, order.from + order.count)) {
    const group = byTerminal.get(record.terminalId) ?? [];
    group.push(record);
    byTerminal.set(record.terminalId, group);
  }
  const bodies = [...byTerminal.values()].map((group) => ({
    token: group[0]?.token ?? '',
    records: group.length,
    body: Buffer.from(
      group.map(({ record }) => `{"record":"${Buffer.from(record).toString('base64')}"}\n`).join(''),
      'latin1',
    ),
  }));
  const cpuBefore = cpuMs();
  const startedMs = performance.now();
  let [accepted, failed, sent] = [0, 0, 0];
  const uploader = async (): Promise<void> => {
    for (let upload = bodies.pop(); upload !== undefined; upload = bodies.pop()) {
      sent += upload.records;
      const done = await uploadOne(order.port, upload.token, upload.body);
      accepted += done;
      failed += upload.records - done;
    }
  };
  await Promise.all(Array.from({ length: order.uploads }, uploader));
  const seconds = (performance.now() - startedMs) / 1_000;
  return { sent, accepted, overloaded: 0, failed, seconds, p50Ms: 0, p99Ms: 0, cpuMs: cpuMs() - cpuBefore };
}

/** @returns how many of its lines were answered as chargeable */
function uploadOne(port: number, token: string, body: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let text = '';
    let accepted = 0;
    socket.on('error', reject);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      const cut = text.lastIndexOf('\n') + 1;
      accepted += text.slice(0, cut).split('"outcome":"chargeable"').length - 1;
      text = text.slice(cut);
    });
    socket.on('close', () => {
      resolve(accepted);
    });
    socket.write(
      `POST /v1/tap-batches HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer ${token}\r\nConnection: close\r\n` +
        `Content-Type: application/x-ndjson\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    socket.write(body);
  });
}

function cpuMs(): number {
  const { mainMs, otherThreadsMs } = threadCpuMs();
  return mainMs + otherThreadsMs;
}

function percentiles(latencies: number[]): { readonly p50Ms: number; readonly p99Ms: number } {
  latencies.sort((a, b) => a - b);
  const at = (share: number): number =>
    latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

serveOrders({ load, live, bulk });
