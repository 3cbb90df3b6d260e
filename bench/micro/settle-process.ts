import { Session } from 'node:inspector/promises';
import { writeFileSync } from 'node:fs';
import { loadCalendar } from '@tapgate/gateway/calendar/load-calendar';
import { loadRuleBook } from '@tapgate/gateway/fares/load-rule-sets';
import { settleAll } from '@tapgate/gateway/jobs/settle-taps';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { openDatabase, type Database } from '@tapgate/gateway/store/connection';
import { loadReferenceData, type ReferenceData } from '@tapgate/gateway/store/reference-data';
import { benchKeystore, benchOperator } from '../limits/bench-operator.ts';
import { serveOrders } from '../limits/child.ts';
import { threadCpuMs } from '../limits/cpu-time.ts';
import { stageOfSample, type ProfileNode } from './settle-stages.ts';

export type SettleStart = { readonly databaseUrl: string; readonly jurisdiction: string };
/** what is looked at beside the time: each slows settling in its own way, so one at a time */
export type SettleOrder = {
  readonly look: 'time' | 'stages' | 'allocation' | 'statements';
  /** keeps the raw profile here */
  readonly profileFile: string | null;
};
export type Settled = {
  readonly taps: number;
  readonly seconds: number;
  readonly cpuMs: number;
  readonly rssBytes: number;
  /** share of the process's busy time by stage */
  readonly stages: Readonly<Record<string, number>>;
  readonly allocatedBytes: number;
  /** time inside the server's executor by statement, ms, and WAL bytes */
  readonly statements: Readonly<Record<string, { readonly ms: number; readonly walBytes: number }>>;
};

type Opened = { readonly database: Database; readonly reference: ReferenceData; readonly order: SettleStart };
let opened: Opened | null = null;
let notices: string[] = [];

async function start(order: SettleStart): Promise<void> {
  const database = await openDatabase(order.databaseUrl, {
    // As many as a settling transaction needs, so that what is set for one is set for all.
    hotConnections: 1,
    onNotice: (text) => {
      notices.push(text);
    },
  });
  opened = { database, reference: await loadReferenceData(database), order };
}

async function settle({ look, profileFile }: SettleOrder): Promise<Settled> {
  if (opened === null) throw new RangeError('start comes first');
  const { database, reference, order } = opened;
  const calendar = loadCalendar();
  const keys = new KeystoreProvider(benchKeystore(benchOperator(order.jurisdiction)));
  const dependencies = { database, keys, reference, calendar, ruleBook: loadRuleBook(calendar) };
  const session = new Session();
  session.connect();
  if (look === 'stages') await startCpuProfile(session);
  if (look === 'allocation') await session.post('HeapProfiler.startSampling', ALLOCATION);
  if (look === 'statements') await explainStatements(database, true);
  const before = threadCpuMs();
  const startedMs = performance.now();
  const { settledTaps } = await settleAll(dependencies);
  const seconds = (performance.now() - startedMs) / 1_000;
  const after = threadCpuMs();
  let stages: Settled['stages'] = {};
  let allocatedBytes = 0;
  if (look === 'stages') {
    const { profile } = await session.post('Profiler.stop');
    if (profileFile !== null) writeFileSync(profileFile, JSON.stringify(profile));
    stages = stagesOf(profile);
  }
  if (look === 'allocation') {
    const { profile } = await session.post('HeapProfiler.stopSampling');
    if (profileFile !== null) writeFileSync(profileFile, JSON.stringify(profile));
    allocatedBytes = bytesOf(profile.head);
  }
  if (look === 'statements') await explainStatements(database, false);
  session.disconnect();
  const statements = look === 'statements' ? statementsOf(notices) : {};
  notices = [];
  return {
    taps: settledTaps,
    seconds,
    cpuMs: after.mainMs + after.otherThreadsMs - before.mainMs - before.otherThreadsMs,
    rssBytes: process.memoryUsage().rss,
    stages,
    allocatedBytes,
    statements,
  };
}

type AllocationNode = { readonly selfSize: number; readonly children: readonly AllocationNode[] };

const bytesOf = (node: AllocationNode): number =>
  node.children.reduce((sum, child) => sum + bytesOf(child), node.selfSize);

const ALLOCATION = {
  samplingInterval: 8_192,
  includeObjectsCollectedByMajorGC: true,
  includeObjectsCollectedByMinorGC: true,
};

async function startCpuProfile(session: Session): Promise<void> {
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: 200 });
  await session.post('Profiler.start');
}

function stagesOf(profile: {
  readonly nodes: readonly ProfileNode[];
  readonly samples?: readonly number[] | undefined;
  readonly timeDeltas?: readonly number[] | undefined;
}): Record<string, number> {
  const stageOf = stageOfSample(profile.nodes);
  const us: Record<string, number> = {};
  let busyUs = 0;
  for (const [index, sample] of (profile.samples ?? []).entries()) {
    const stage = stageOf(sample);
    const spentUs = profile.timeDeltas?.[index] ?? 0;
    if (stage === null) continue;
    busyUs += spentUs;
    us[stage] = (us[stage] ?? 0) + spentUs;
  }
  return Object.fromEntries(Object.entries(us).map(([stage, spent]) => [stage, spent / busyUs]));
}

/** Plans with times and WAL as notices to this session, as gateway/store/hot-queries.test.ts reads them. */
async function explainStatements({ hot }: Database, on: boolean): Promise<void> {
  await hot`load 'auto_explain'`;
  await hot.unsafe(`set auto_explain.log_min_duration = ${on ? '0' : '-1'}`);
  for (const setting of ['log_analyze = on', 'log_timing = off', 'log_wal = on', 'log_level = notice'])
    await hot.unsafe(`set auto_explain.${setting}`);
  await hot`set client_min_messages = notice`;
}

function statementsOf(plans: readonly string[]): Settled['statements'] {
  const sums: Record<string, { ms: number; walBytes: number }> = {};
  for (const plan of plans) {
    const ms = Number(/^duration: ([\d.]+) ms/.exec(plan)?.[1] ?? 'NaN');
    const text = /Query Text: ([^;]*?)\n[A-Z]/s.exec(plan)?.[1] ?? '';
    if (Number.isNaN(ms)) continue;
    const name = text.replaceAll(/\s+/g, ' ').trim().slice(0, 44);
    const sum = (sums[name] ??= { ms: 0, walBytes: 0 });
    sum.ms += ms;
    sum.walBytes += Number(/WAL:.*? bytes=(\d+)/.exec(plan)?.[1] ?? 0);
  }
  return sums;
}

async function stop(): Promise<void> {
  await opened?.database.close();
}

serveOrders({ start, settle, stop });
