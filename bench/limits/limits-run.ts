import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import type { BareInsert, BareInsertOrder } from './bare-insert-process.ts';
import { GATEWAY, PLAIN, type NodeStart } from '../node-start.ts';
import { Child } from './child.ts';
import type { BulkOrder, Driven, LiveOrder, LoadOrder } from './drive-process.ts';
import type { GatewayCounts, GatewayStart } from './gateway-process.ts';
import {
  ratiosOf,
  type CpuByStage,
  type HalfPeakFigures,
  type LimitsFigures,
  type OverloadFigures,
  type PathFigures,
  type Profile,
} from './limits-figures.ts';
import { LimitsServer } from './limits-server.ts';
import { NOW_MS, prepareRecords, type Rail, type RecordFiles } from './prepare-records.ts';
import { readRecordFile } from './record-file.ts';

export type LimitsOrder = {
  readonly databaseUrl: string | null;
  readonly jurisdiction: string;
  /** leaves CPU profiles of the gateway here */
  readonly profileFolder: string | null;
  /** scales every phase; 1 is a run of about five minutes */
  readonly scale: number;
  readonly onProgress: (line: string) => void;
};

const CARDS_MAX: Readonly<Record<Rail, number>> = { oda: 16_000, offline_purchase: 32_000 };
const PREPARE_MS = 15_000;
const LIVE_SECONDS = 5;
const REHEARSAL_SECONDS = 4.5;
/** A bulk phase has as many taps as the live path took in about this time. */
const BULK_SECONDS = 10;
/** Long enough to tell a peak, and of the cards there are no more than this share, for others must be left to be driven by it. */
const PEAK_SECONDS = 2;
const PEAK_CARDS_SHARE = 0.4;
const HALF_PEAK_SECONDS = 3.5;
const OVERLOAD_SECONDS = 4;
const LIVE_CONNECTIONS = 128;
const UPLOADS = 8;
const OVERLOAD_BUDGET_MS = 300;

/** Runs every floor and every path, the floors between the paths, and gives what was measured. */
export async function runLimits(order: LimitsOrder): Promise<LimitsFigures> {
  const startedMs = performance.now();
  const server = await LimitsServer.start(order.databaseUrl);
  const folder = mkdtempSync(path.join(tmpdir(), 'tapgate-records-'));
  const driver = new Child('drive-process.ts');
  try {
    const prepare = (rail: Rail): Promise<RecordFiles> =>
      prepareRecords({
        ...order,
        ...{ folder, rail, cardsMax: CARDS_MAX[rail] * order.scale, budgetMs: PREPARE_MS * order.scale },
      });
    const files = { oda: await prepare('oda'), offline_purchase: await prepare('offline_purchase') };
    const bench = new Bench(order, server, driver, files);
    const floors: Floors[] = [await bench.floors()];
    const oda = await bench.live('oda');
    const offlinePurchase = await bench.live('offline_purchase');
    const hosted = await bench.live('issuerHosted');
    floors.push(await bench.floors());
    const bulk = {
      oda: await bench.bulk('oda', oda.acceptedPerS),
      offline_purchase: await bench.bulk('offline_purchase', offlinePurchase.acceptedPerS),
      issuerHosted: await bench.bulk('issuerHosted', hosted.acceptedPerS),
    };
    floors.push(await bench.floors());
    const naiveOdaPerS = await bench.naive();
    const overload = await bench.overload();
    const live = { oda, offline_purchase: offlinePurchase, issuerHosted: hosted };
    const halfPeak = {
      oda: await bench.halfPeak('oda'),
      issuerHosted: await bench.halfPeak('issuerHosted'),
    };
    const measured = {
      sm2VerifyPerS: median(floors.map((floor) => floor.sm2VerifyPerS)),
      bareInsertPerS: median(floors.map((floor) => floor.bareInsertPerS)),
      parseCommitPerS: median(floors.map((floor) => floor.parseCommitPerS)),
      ...{ naiveOdaPerS, live, bulk, halfPeak, overload },
      memoryMb: bench.memoryMb,
    };
    const sample = readRecordFile(files.oda.cold[0] ?? '')[0];
    return {
      cores: availableParallelism(),
      node: process.version,
      postgres: { version: server.version, settings: server.settings },
      recordBytes: sample?.record.length ?? 0,
      cards: { oda: files.oda.cards, offline_purchase: files.offline_purchase.cards },
      ...measured,
      ratios: ratiosOf(measured),
      seconds: (performance.now() - startedMs) / 1_000,
    };
  } finally {
    await driver.end();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Floors = {
  readonly sm2VerifyPerS: number;
  readonly bareInsertPerS: number;
  readonly parseCommitPerS: number;
};

/** A server process under load, and how to start it. */
type Target = {
  readonly file: string;
  readonly start: (databaseUrl: string) => unknown;
  /** how `npm start` starts Node; its memory is reported */
  readonly node?: NodeStart;
};

/** Taps a second, and the first tap that was not sent for it. */
type PeakOfFirstTaps = { readonly ratePerS: number; readonly from: number };

type RunningTarget = { readonly port: number; readonly child: Child; readonly databaseUrl: string };

class Bench {
  memoryMb = 0;
  readonly #order: LimitsOrder;
  readonly #server: LimitsServer;
  readonly #driver: Child;
  readonly #files: Readonly<Record<Rail, RecordFiles>>;
  #loaded: Rail | null = null;
  #cold = 0;
  #taps = 0;

  constructor(
    order: LimitsOrder,
    server: LimitsServer,
    driver: Child,
    files: Readonly<Record<Rail, RecordFiles>>,
  ) {
    this.#order = order;
    this.#server = server;
    this.#driver = driver;
    this.#files = files;
  }

  async floors(): Promise<Floors> {
    const sm2VerifyPerS = await this.#sm2();
    const bareInsertPerS = await this.#bareInsert();
    await this.#load('offline_purchase');
    const parseCommitPerS = await this.#withTarget(PARSE_COMMIT, async ({ port }) => {
      await this.#live({ port, from: 0, count: this.#warmUp() });
      const driven = await this.#live({
        port,
        from: this.#warmUp(),
        count: this.#taps,
        secondsMax: LIVE_SECONDS,
      });
      return driven.accepted / driven.seconds;
    });
    this.#say(
      `floors: (a) ${sm2VerifyPerS.toFixed(0)}/s, (b) ${bareInsertPerS.toFixed(0)}/s, (c) ${parseCommitPerS.toFixed(0)}/s`,
    );
    return { sm2VerifyPerS, bareInsertPerS, parseCommitPerS };
  }

  async #sm2(): Promise<number> {
    const children = Array.from({ length: availableParallelism() }, () => new Child('sm2-process.ts'));
    const rates = await Promise.all(
      children.map((child) => child.ask<number>('verify', { seconds: 2 * this.#order.scale })),
    );
    await Promise.all(children.map((child) => child.end()));
    return rates.reduce((sum, rate) => sum + rate, 0);
  }

  async #bareInsert(): Promise<number> {
    const databaseUrl = await this.#server.freshDatabase(this.#order.jurisdiction, NOW_MS);
    const child = new Child('bare-insert-process.ts');
    const { cold, warm, cards } = this.#files.offline_purchase;
    const order: BareInsertOrder = { databaseUrl, files: [...cold, ...warm], count: cards * 2 };
    const { rows, seconds } = await child.ask<BareInsert>('insert', order);
    await child.end();
    await this.#server.dropLast();
    return rows / seconds;
  }

  /** At its peak: as many taps under way as the generator has connections. Cold cards first, then the same ones warm. */
  async live(profile: Profile): Promise<PathFigures> {
    await this.#load(railOf(profile));
    return this.#withTarget(gatewayOf(profile, this.#order), async (gateway) => {
      const warmUp = this.#warmUp();
      await this.#live({ port: gateway.port, from: 0, count: warmUp });
      const before = await this.#measure(gateway.child);
      const cold = await this.#live({
        port: gateway.port,
        from: warmUp,
        count: this.#cold - warmUp,
        secondsMax: LIVE_SECONDS,
      });
      const between = await this.#measure(gateway.child);
      // Second taps of those cards whose first was sent.
      const warm = await this.#live({
        port: gateway.port,
        from: this.#cold,
        count: warmUp + cold.sent,
        secondsMax: LIVE_SECONDS,
      });
      const after = await this.#measure(gateway.child);
      const settled = await this.#settle(gateway.databaseUrl, performance.now());
      const taps = cold.accepted + warm.accepted;
      const seconds = cold.seconds + warm.seconds;
      const figures: PathFigures = {
        taps,
        acceptedPerS: taps / seconds,
        settledPerS: taps / (seconds + settled.seconds),
        verificationsPerTap: (after.gateway.verifications - before.gateway.verifications) / taps,
        p50Ms: (cold.p50Ms + warm.p50Ms) / 2,
        p99Ms: Math.max(cold.p99Ms, warm.p99Ms),
        cold: temperature(cold, before, between),
        warm: temperature(warm, between, after),
        cpuUs: cpuOf(before, after, cold.cpuMs + warm.cpuMs, taps),
        failed: cold.failed + warm.failed,
      };
      this.#say(`live ${profile}: ${describePath(figures)}`);
      return figures;
    });
  }

  /** Backlogs of terminals, several uploads at once, while the gateway settles behind. */
  async bulk(profile: Profile, livePerS: number): Promise<PathFigures> {
    await this.#load(railOf(profile));
    const cards = Math.min(this.#cold, Math.ceil(livePerS * BULK_SECONDS * this.#order.scale));
    const measure = async (gateway: RunningTarget): Promise<PathFigures> => {
      const warmUp = Math.min(this.#warmUp(), Math.floor(cards / 4));
      await this.#bulk({ port: gateway.port, from: 0, count: warmUp });
      await this.#settle(gateway.databaseUrl, performance.now());
      const startedMs = performance.now();
      const before = await this.#measure(gateway.child);
      const cold = await this.#bulk({ port: gateway.port, from: warmUp, count: cards - warmUp });
      const between = await this.#measure(gateway.child);
      const warm = await this.#bulk({ port: gateway.port, from: this.#cold, count: cards });
      const settled = await this.#settle(gateway.databaseUrl, startedMs);
      const after = await this.#measure(gateway.child);
      const taps = cold.accepted + warm.accepted;
      const figures: PathFigures = {
        taps,
        acceptedPerS: taps / (cold.seconds + warm.seconds),
        settledPerS: taps / settled.seconds,
        verificationsPerTap: (after.gateway.verifications - before.gateway.verifications) / taps,
        p50Ms: 0,
        p99Ms: 0,
        cold: temperature(cold, before, between),
        warm: temperature(warm, between, after),
        cpuUs: cpuOf(before, after, cold.cpuMs + warm.cpuMs, taps),
        failed: cold.failed + warm.failed,
      };
      this.#say(`bulk ${profile}: ${describePath(figures)}`);
      return figures;
    };
    // As many taps as a live path is rehearsed with, as far as there are cards: what is not compiled by then is compiled beside what is measured.
    const rehearsed = Math.min(this.#cold, Math.ceil((livePerS * REHEARSAL_SECONDS) / 2));
    return this.#withTarget(gatewayOf(profile, this.#order), measure, async ({ port }) => {
      await this.#bulk({ port, from: 0, count: rehearsed });
      await this.#bulk({ port, from: this.#cold, count: rehearsed });
    });
  }

  async naive(): Promise<number> {
    await this.#load('oda');
    return this.#withTarget(NAIVE(this.#order), async ({ port }) => {
      const driven = await this.#live({
        port,
        from: 0,
        count: this.#cold,
        connections: 32,
        secondsMax: 8 * this.#order.scale,
      });
      const perS = driven.accepted / driven.seconds;
      this.#say(`(d) naive oda: ${perS.toFixed(0)}/s`);
      return perS;
    });
  }

  /** At half of the peak that the same process has just had of the same taps: first ones of cards, whose certificates nobody has verified yet. */
  async halfPeak(profile: 'oda' | 'issuerHosted'): Promise<HalfPeakFigures> {
    await this.#load(railOf(profile));
    const drive = async (running: RunningTarget, { ratePerS, from }: PeakOfFirstTaps): Promise<number> => {
      const count = Math.min(this.#cold - from, Math.ceil(ratePerS * HALF_PEAK_SECONDS));
      const driven = await this.#live({ port: running.port, from, count, ratePerS, secondsMax: 20 });
      return driven.p99Ms;
    };
    const { half, p99Ms } = await this.#withTarget(gatewayOf(profile, this.#order), async (gateway) => {
      const peak = await this.#peakOfFirstTaps(gateway);
      const its = { ...peak, ratePerS: peak.ratePerS / 2 };
      return { half: its, p99Ms: await drive(gateway, its) };
    });
    const parseCommitP99Ms = await this.#withTarget(PARSE_COMMIT, async (parseCommit) => {
      await this.#live({ port: parseCommit.port, from: 0, count: this.#warmUp() });
      return drive(parseCommit, half);
    });
    const { ratePerS } = half;
    this.#say(
      `at half its peak, ${ratePerS.toFixed(0)}/s: live ${profile} p99 ${p99Ms.toFixed(1)} ms, (c) ${parseCommitP99Ms.toFixed(1)} ms`,
    );
    return { ratePerS, p99Ms, parseCommitP99Ms };
  }

  /**
   * The peak of first taps of cards, here and now: the host's speed changes within minutes, and what was a half of the peak then may be most of
   * it now. What it leaves to settle is settled.
   */
  async #peakOfFirstTaps({ port, databaseUrl }: RunningTarget): Promise<PeakOfFirstTaps> {
    const from = this.#warmUp();
    await this.#live({ port, from: 0, count: from });
    const count = Math.floor(this.#cold * PEAK_CARDS_SHARE);
    const driven = await this.#live({ port, from, count, secondsMax: PEAK_SECONDS });
    await this.#settle(databaseUrl, performance.now());
    return { ratePerS: driven.accepted / driven.seconds, from: from + driven.sent };
  }

  /**
   * Three times as many first taps of cards as the same process has just taken at its peak of first taps: which second taps are let in depends on
   * which first ones were, so that a mixture could not be held to a peak of the same mixture. A tap that was refused is sent again once
   * every card has been.
   */
  async overload(): Promise<OverloadFigures> {
    await this.#load('oda');
    return this.#withTarget(gatewayOf('oda', this.#order), async (gateway) => {
      const { ratePerS: peakPerS, from } = await this.#peakOfFirstTaps(gateway);
      const offered = peakPerS * 3;
      const driven = await this.#live({
        ...{ port: gateway.port, from, count: this.#cold - from, sendsAgain: true },
        ...{ connections: 1_024, ratePerS: offered, budgetMs: OVERLOAD_BUDGET_MS },
        secondsMax: OVERLOAD_SECONDS,
      });
      const figures = {
        peakPerS,
        offeredPerS: driven.sent / driven.seconds,
        goodputPerS: driven.accepted / driven.seconds,
        refusedPerS: driven.overloaded / driven.seconds,
        budgetMs: OVERLOAD_BUDGET_MS,
        p99Ms: driven.p99Ms,
      };
      this.#say(
        `overload: peak ${peakPerS.toFixed(0)}/s, offered ${figures.offeredPerS.toFixed(0)}/s, accepted ${figures.goodputPerS.toFixed(0)}/s, ` +
          `p99 ${figures.p99Ms.toFixed(0)} ms`,
      );
      return figures;
    });
  }

  async #load(rail: Rail): Promise<void> {
    if (this.#loaded === rail) return;
    const { cold, warm } = this.#files[rail];
    const order: LoadOrder = { groups: [cold, warm] };
    const [coldTaps = 0, warmTaps = 0] = await this.#driver.ask<number[]>('load', order);
    this.#cold = coldTaps;
    this.#taps = coldTaps + warmTaps;
    this.#loaded = rail;
  }

  /** Taps by which the server under load opens its connections and prepares its statements; not counted. */
  #warmUp(): number {
    return Math.floor(Math.min(1_000, this.#cold / 10));
  }

  #live(order: Partial<LiveOrder> & Pick<LiveOrder, 'port' | 'from' | 'count'>): Promise<Driven> {
    const usual = { connections: LIVE_CONNECTIONS, ratePerS: null, budgetMs: null, sendsAgain: false };
    const secondsMax = (order.secondsMax ?? 10) * this.#order.scale;
    return this.#driver.ask<Driven>('live', { ...usual, ...order, secondsMax } satisfies LiveOrder);
  }

  #bulk(order: Omit<BulkOrder, 'uploads'>): Promise<Driven> {
    return this.#driver.ask<Driven>('bulk', { ...order, uploads: UPLOADS } satisfies BulkOrder);
  }

  /**
   * Runs the work on a target that has just been started over an empty database, in a process that has done the same work
   * before, over a database that is gone: a gateway's code is compiled after its first minute, and runs for months.
   */
  async #withTarget<Result>(
    target: Target,
    work: (running: RunningTarget) => Promise<Result>,
    rehearse: (running: RunningTarget) => Promise<unknown> = ({ port }) =>
      this.#live({ port, from: 0, count: this.#cold, secondsMax: REHEARSAL_SECONDS }),
  ): Promise<Result> {
    const { profileFolder } = this.#order;
    const { flags, env } = target.node ?? PLAIN;
    const profiler = profileFolder === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileFolder}`];
    const child = new Child(target.file, { flags: [...flags, ...profiler], env });
    const start = async (): Promise<RunningTarget> => {
      const databaseUrl = await this.#server.freshDatabase(this.#order.jurisdiction, NOW_MS);
      const port = await child.ask<number>('start', target.start(databaseUrl));
      return { port, child, databaseUrl };
    };
    try {
      await rehearse(await start());
      await child.ask('stop');
      await this.#server.dropLast();
      const result = await work(await start());
      const { rssBytes } = await child.ask<GatewayCounts>('counts');
      if (target.node !== undefined) this.memoryMb = Math.max(this.memoryMb, rssBytes / 1e6);
      await child.ask('stop');
      return result;
    } finally {
      await child.end();
      await this.#server.dropLast();
    }
  }

  async #measure(child: Child): Promise<Measurement> {
    return { gateway: await child.ask<GatewayCounts>('counts'), databaseMs: this.#server.cpuMs() };
  }

  /** Waits until nothing is left in the queue. @returns how long it took from `sinceMs` on */
  async #settle(databaseUrl: string, sinceMs: number): Promise<{ readonly seconds: number }> {
    const sql = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
    try {
      for (;;) {
        const [row] = await sql<{ left: boolean }[]>`select exists (select from unsettled_tap) as left`;
        if (row?.left !== true) return { seconds: (performance.now() - sinceMs) / 1_000 };
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    } finally {
      await sql.end();
    }
  }

  #say(line: string): void {
    this.#order.onProgress(line);
  }
}

type Measurement = { readonly gateway: GatewayCounts; readonly databaseMs: number | null };

const PARSE_COMMIT: Target = { file: 'parse-commit-process.ts', start: (databaseUrl) => ({ databaseUrl }) };

const NAIVE = ({ jurisdiction }: LimitsOrder): Target => ({
  file: '../peers/naive/naive-process.ts',
  start: (databaseUrl) => ({ databaseUrl, jurisdiction, nowMs: NOW_MS }),
});

function gatewayOf(profile: Profile, { jurisdiction }: LimitsOrder): Target {
  const issuerHosted = profile === 'issuerHosted';
  const start = (databaseUrl: string): GatewayStart => ({
    databaseUrl,
    jurisdiction,
    issuerHosted,
    settles: true,
    nowMs: NOW_MS,
  });
  return { file: 'gateway-process.ts', start, node: GATEWAY };
}

function railOf(profile: Profile): Rail {
  return profile === 'oda' ? 'oda' : 'offline_purchase';
}

function temperature(driven: Driven, before: Measurement, after: Measurement): PathFigures['cold'] {
  return {
    acceptedPerS: driven.accepted / driven.seconds,
    verificationsPerTap: (after.gateway.verifications - before.gateway.verifications) / driven.accepted,
  };
}

function cpuOf(before: Measurement, after: Measurement, generatorMs: number, taps: number): CpuByStage {
  const perTap = (ms: number): number => (ms * 1_000) / taps;
  return {
    gatewayMain: perTap(after.gateway.mainMs - before.gateway.mainMs),
    gatewayThreads: perTap(after.gateway.otherThreadsMs - before.gateway.otherThreadsMs),
    database:
      before.databaseMs === null || after.databaseMs === null
        ? null
        : perTap(after.databaseMs - before.databaseMs),
    generator: perTap(generatorMs),
  };
}

function describePath(path: PathFigures): string {
  const { gatewayMain, gatewayThreads, database, generator } = path.cpuUs;
  const latency =
    path.p99Ms === 0 ? '' : `, p50 ${path.p50Ms.toFixed(0)} ms, p99 ${path.p99Ms.toFixed(0)} ms`;
  return (
    `accepted ${path.acceptedPerS.toFixed(0)}/s, settled ${path.settledPerS.toFixed(0)}/s, ` +
    `${path.verificationsPerTap.toFixed(2)} verifications a tap${latency}; us a tap: main ${gatewayMain.toFixed(0)}, ` +
    `threads ${gatewayThreads.toFixed(0)}, database ${database?.toFixed(0) ?? '-'}, generator ${generator.toFixed(0)}`
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
