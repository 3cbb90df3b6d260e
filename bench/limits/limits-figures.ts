/** What `npm run bench -- limits --json` prints. Rates are per second, times in milliseconds unless they say otherwise. */
export type LimitsFigures = {
  readonly cores: number;
  readonly node: string;
  readonly postgres: { readonly version: string; readonly settings: Readonly<Record<string, string>> };
  readonly recordBytes: number;
  readonly cards: Readonly<Record<'oda' | 'offline_purchase', number>>;
  /** (a) on all cores at once */
  readonly sm2VerifyPerS: number;
  /** (b) */
  readonly bareInsertPerS: number;
  /** (c) */
  readonly parseCommitPerS: number;
  /** (d) */
  readonly naiveOdaPerS: number;
  readonly live: Readonly<Record<Profile, PathFigures>>;
  readonly bulk: Readonly<Record<Profile, PathFigures>>;
  readonly halfPeak: Readonly<Record<'oda' | 'issuerHosted', HalfPeakFigures>>;
  readonly overload: OverloadFigures;
  readonly ratios: Readonly<Record<string, Ratio>>;
  /** the busiest phase of each */
  readonly memoryMb: number;
  readonly seconds: number;
};

export const PROFILES = ['oda', 'offline_purchase', 'issuerHosted'] as const;
export type Profile = (typeof PROFILES)[number];

export type PathFigures = {
  readonly taps: number;
  readonly acceptedPerS: number;
  readonly settledPerS: number;
  readonly verificationsPerTap: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** first taps of cards that the gateway has never seen, and second taps of the same cards */
  readonly cold: Temperature;
  readonly warm: Temperature;
  /** CPU time in microseconds per tap, by where it went */
  readonly cpuUs: CpuByStage;
  readonly failed: number;
};

export type Temperature = { readonly acceptedPerS: number; readonly verificationsPerTap: number };

export type CpuByStage = {
  /** the gateway's first thread: HTTP, reading, judging, batching, settling */
  readonly gatewayMain: number;
  /** its other threads: SM2, garbage collection */
  readonly gatewayThreads: number;
  /** the database server with all its sessions; null without /proc */
  readonly database: number | null;
  /** the generator, which is no part of what is measured */
  readonly generator: number;
};

export type HalfPeakFigures = {
  readonly ratePerS: number;
  readonly p99Ms: number;
  readonly parseCommitP99Ms: number;
};

export type OverloadFigures = {
  /** of first taps of cards, which is what is offered */
  readonly peakPerS: number;
  readonly offeredPerS: number;
  readonly goodputPerS: number;
  readonly refusedPerS: number;
  readonly budgetMs: number;
  /** of what was accepted */
  readonly p99Ms: number;
};

export type Ratio = { readonly value: number; readonly target: number; readonly atMost?: true };

/** Two floors on the same cores, one after the other for each tap: 1 / (1/x + 1/y). */
export function series(x: number, y: number): number {
  return x === Number.POSITIVE_INFINITY ? y : 1 / (1 / x + 1 / y);
}

type Measured = Pick<
  LimitsFigures,
  | 'sm2VerifyPerS'
  | 'bareInsertPerS'
  | 'parseCommitPerS'
  | 'naiveOdaPerS'
  | 'live'
  | 'bulk'
  | 'halfPeak'
  | 'overload'
  | 'memoryMb'
>;

/** The targets of the issue, each with what was measured. */
export function ratiosOf(measured: Measured): LimitsFigures['ratios'] {
  const {
    sm2VerifyPerS: a,
    bareInsertPerS: b,
    parseCommitPerS: c,
    live,
    bulk,
    halfPeak,
    overload,
  } = measured;
  const liveFloor = series(a / live.oda.verificationsPerTap, c);
  const bulkFloor = series(a / bulk.oda.verificationsPerTap, b);
  return {
    'live issuerHosted accepted / (c)': { value: live.issuerHosted.acceptedPerS / c, target: 0.55 },
    'live oda accepted / series((a) / verifications, (c))': {
      value: live.oda.acceptedPerS / liveFloor,
      target: 0.75,
    },
    'bulk issuerHosted accepted / (b)': { value: bulk.issuerHosted.acceptedPerS / b, target: 0.35 },
    'bulk issuerHosted settled / (b)': { value: bulk.issuerHosted.settledPerS / b, target: 0.2 },
    'bulk oda accepted / series((a) / verifications, (b))': {
      value: bulk.oda.acceptedPerS / bulkFloor,
      target: 0.75,
    },
    'bulk oda settled / series((a) / verifications, (b))': {
      value: bulk.oda.settledPerS / bulkFloor,
      target: 0.6,
    },
    'live oda / naive (d)': { value: live.oda.acceptedPerS / measured.naiveOdaPerS, target: 20 },
    'p99 of live oda at half its peak / p99 of (c)': {
      value: halfPeak.oda.p99Ms / halfPeak.oda.parseCommitP99Ms,
      target: 4,
      atMost: true,
    },
    'p99 of live issuerHosted at half its peak / p99 of (c)': {
      value: halfPeak.issuerHosted.p99Ms / halfPeak.issuerHosted.parseCommitP99Ms,
      target: 4,
      atMost: true,
    },
    'goodput at three times the peak / peak': {
      value: overload.goodputPerS / overload.peakPerS,
      target: 0.8,
    },
    'p99 of what is accepted in overload / its budget': {
      value: overload.p99Ms / overload.budgetMs,
      target: 1,
      atMost: true,
    },
    'memory of a gateway process at its peak, MB / 300': {
      value: measured.memoryMb / 300,
      target: 1,
      atMost: true,
    },
  };
}

export function isMet({ value, target, atMost }: Ratio): boolean {
  return atMost === true ? value <= target : value >= target;
}
