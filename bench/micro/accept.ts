import { calendarDateOf } from '@tapgate/gateway/ingest/service-date';
import { authenticateRecord, type AuthenticTap } from '@tapgate/gateway/ingest/authenticate-record';
import { BinTable } from '@tapgate/gateway/ingest/bin-table';
import { judgeTap } from '@tapgate/gateway/ingest/judge-tap';
import { planProof } from '@tapgate/gateway/ingest/plan-proof';
import { TapAuthority } from '@tapgate/gateway/ingest/tap-authority';
import { NO_FACTS } from '@tapgate/gateway/ingest/tap-facts';
import type { TerminalPlacement } from '@tapgate/gateway/ingest/terminal-placement';
import { readTapBody } from '@tapgate/gateway/http/tap-body';
import { SignedTaps } from '@tapgate/gateway/intake/signed-taps.fixture';
import { prepareProof } from '@tapgate/gateway/intake/prove-card';
import { resultOf, TapGroup, waitingTap, type TapUnderWay } from '@tapgate/gateway/intake/tap-group';
import { distinctIdentities, rowsOf } from '@tapgate/gateway/intake/tap-rows';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { referenceRowsOf } from '@tapgate/gateway/operators/demo-reference';
import { acceptParameters, type AcceptedTap } from '@tapgate/gateway/store/accept-taps';
import { factsParameters } from '@tapgate/gateway/store/tap-facts';
import { buildCaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import { importSm2PublicKey } from '@tapgate/sdk/gm/sm2';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { parseTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import { readEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import { isoDate, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { benchKeystore, benchOperator } from '../limits/bench-operator.ts';
import type { Figure } from './figure.ts';

/** Distinct records, in batches as they go through the gateway; they come round again until every stage is warm and measured. */
const CARDS = 1_024;
const BATCH = 128;
const WARM_UP_PASSES = 30;
const PASSES = 40;
const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');
const DATA_KEY = Buffer.alloc(16, 7);

/** What is spent on one batch: microseconds of CPU of the whole process, and bytes of the heap and outside it. */
type Spent = { us: number; bytes: number; taps: number };

/**
 * What accepting a tap costs the gateway's own code, stage by stage, without HTTP and database: over distinct records that are
 * really signed. Expected before measuring: 60 us and 15 kB with the issuer's key.
 */
export async function measureAccept(): Promise<readonly Figure[]> {
  const { authority, lines } = makeTaps();
  const stages = new Map<string, Spent>();
  let measured = false;
  const timed = async <Result>(
    stage: string,
    taps: number,
    work: () => Result | Promise<Result>,
  ): Promise<Result> => {
    const bytesBefore = allocatedBytes();
    const cpuBefore = process.cpuUsage();
    const given = work();
    const result = given instanceof Promise ? await given : given;
    const cpu = process.cpuUsage(cpuBefore);
    const bytes = allocatedBytes() - bytesBefore;
    if (!measured) return result;
    const spent = stages.get(stage) ?? { us: 0, bytes: 0, taps: 0 };
    spent.us += cpu.user + cpu.system;
    // A collection in between makes the heap smaller: such a batch says nothing of what was allocated, and counts by the others.
    spent.bytes += bytes > 0 ? bytes : (spent.bytes / Math.max(1, spent.taps)) * taps;
    spent.taps += taps;
    stages.set(stage, spent);
    return result;
  };

  for (let pass = 0; pass < WARM_UP_PASSES + PASSES; pass++) {
    measured = pass >= WARM_UP_PASSES;
    for (let from = 0; from < lines.length; from += BATCH)
      await acceptBatch(lines.slice(from, from + BATCH), authority, timed);
  }
  return [...stages].flatMap(([stage, { us, bytes, taps }]) => [
    { name: stage, value: us / taps, unit: 'us a tap' },
    { name: `  allocated: ${stage.trim()}`, value: bytes / taps / 1_000, unit: 'kB a tap' },
  ]);
}

type Timed = <Result>(stage: string, taps: number, work: () => Result | Promise<Result>) => Promise<Result>;

async function acceptBatch(
  lines: readonly Uint8Array[],
  authority: TapAuthority,
  timed: Timed,
): Promise<void> {
  const size = lines.length;
  const records = await timed('line to record bytes', size, () =>
    lines.map((line) => {
      const read = readTapBody(line);
      if (!read.ok) throw new Error('a line of the bench is read');
      return read.bytes;
    }),
  );
  const taps = await timed('authenticate', size, () =>
    records.map((bytes): AuthenticTap => {
      const authentic = authenticateRecord(bytes, null, authority);
      if (!authentic.ok) throw new Error(`a record of the bench is authentic: ${authentic.refusal.code}`);
      return authentic.tap;
    }),
  );
  await timed('  of it: the walk over the record', size, () => records.map((bytes) => parseTapRecord(bytes)));
  await timed('  of it: SM3 of the record', size, () => records.map((bytes) => sm3(bytes)));
  await timed('  of it: MAC of the terminal', size, () =>
    taps.map(({ record, bytes }) => authority.terminalMac(record.terminalId, bytes)),
  );
  await timed('  of it: evidence', size, () => taps.map(({ record }) => readEvidence(record)));
  await timed('  of it: name of the card', size, () =>
    taps.map(({ card }) => panOf(card.evidence, authority)),
  );
  await timed('keys of the facts', size, () =>
    factsParameters(
      taps.map(({ record, card }) => ({
        terminalId: record.terminalId,
        tapSequence: record.tapSequence,
        tappedAtMs: record.tappedAtMs,
        panToken: card.panToken,
        psn: card.psn,
        atc: card.atc,
      })),
    ),
  );
  await timed('prove by the cryptogram', size, () =>
    taps.map(
      ({ card, bankId }) =>
        typeof card.evidence !== 'string' && authority.cryptogramHolds(card.evidence, bankId),
    ),
  );
  await timed('plan the proof by signatures (oda)', size, () =>
    taps.map(({ card, record, placement }) => {
      const onDate = calendarDateOf(placement.zone, record.tappedAtMs);
      return typeof card.evidence === 'string'
        ? null
        : planProof(card.evidence, { dfName: record.dfName, onDate }, authority);
    }),
  );
  const waiting = await timed('prepare the proof, keep what waits', size, () =>
    taps.map((tap) => ({
      tap: waitingTap(tap),
      prepared: prepareProof({ authority, issuerHosted: true }, tap),
    })),
  );
  const judged = await timed('judge', size, () =>
    waiting.map(({ tap, prepared }): TapUnderWay => {
      if (prepared?.by !== 'cryptogram') throw new Error('a tap of the bench is proven by its cryptogram');
      const judgement = judgeTap(tap, NO_FACTS, prepared.proof, NOW_MS);
      return {
        tap,
        prepared,
        order: { bytes: tap.bytes, sender: null, nowMs: NOW_MS, budgetMs: null, lane: 'first' },
        arrivedMs: 0,
        ahead: 0,
        group: new TapGroup(1, () => undefined),
        index: 0,
        facts: NO_FACTS,
        proof: null,
        certificateSm3: new Uint8Array(),
        judgement,
        rounds: 0,
      };
    }),
  );
  const { rows } = await timed('seal, rows', size, () =>
    rowsOf(distinctIdentities(judged).batch, { forWriting: () => Promise.resolve(DATA_KEY) }),
  );
  await timed('arrays of the columns', size, () => acceptParameters(rows, new Set<AcceptedTap>(rows)));
  await timed('answers', size, () => judged.map((tap) => JSON.stringify(resultOf(tap))));
}

function panOf(evidence: AuthenticTap['card']['evidence'], authority: TapAuthority): string {
  return typeof evidence === 'string' ? '' : authority.panToken(evidence.identity.pan.reveal());
}

function allocatedBytes(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** One tap of each card, spread over the terminals of the line, as lines of an upload. */
function makeTaps(): { readonly authority: TapAuthority; readonly lines: readonly Uint8Array[] } {
  const data = benchOperator('bench');
  const keystore = benchKeystore(data);
  const line = data.operators[0]?.lines.find(({ rail }) => rail === 'offline_purchase');
  if (line === undefined) throw new RangeError('the bench has a line that pays');
  const placements = line.terminals.map(({ terminalId }): TerminalPlacement => ({
    ...{
      terminalId,
      operatorId: 'bench',
      lineId: line.lineId,
      stationId: null,
      tapKind: 'single',
      rail: line.rail,
    },
    ...{
      amountFen: line.amountFen,
      revokedAtMs: null,
      zone: 'Asia/Shanghai',
      serviceDayStartMs: 0,
      sm2PublicKey: null,
      region: '',
    },
  }));
  const caKeys = referenceRowsOf({ ...data, banks: data.banks }, keystore).caKeys.map((row) => {
    const publicKey = importSm2PublicKey(row.publicKey);
    if (publicKey === null) throw new RangeError('the key of the CA is a point of the curve');
    return {
      rid: row.rid,
      index: row.index,
      algorithm: 'SM2' as const,
      publicKey,
      expiry: isoDate(row.expiresOn),
    };
  });
  const authority = new TapAuthority(
    {
      terminals: new Map(
        placements.map((placement): [TerminalId, TerminalPlacement] => [placement.terminalId, placement]),
      ),
      bins: new BinTable(data.banks.flatMap(({ bankId, bins }) => bins.map((bin) => ({ bin, bankId })))),
      caKeys: buildCaKeyTable(caKeys),
    },
    new KeystoreProvider(keystore),
  );
  const taps = new SignedTaps(keystore);
  const lines = Array.from({ length: CARDS }, (_none, number) => {
    const bank = data.banks[number % data.banks.length];
    const placement = placements[number % placements.length];
    if (bank?.bins[0] === undefined || placement === undefined)
      throw new RangeError('the bench has banks and terminals');
    const card = taps.makeCard({ bankId: bank.bankId, bin: bank.bins[0], number });
    const record = taps.makeTap({ card, placement, sequence: number + 1, atc: 1, atMs: NOW_MS - number });
    return Buffer.from(`{"record":"${Buffer.from(record).toString('base64')}"}`);
  });
  return { authority, lines };
}
