import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openKeystore } from '@tapgate/gateway/keys/open-keystore';
import { loadDemoData } from '@tapgate/gateway/operators/demo-reference';
import { ASKING_DEFAULTS } from '@tapgate/sdk/lists/asking-parameters';
import { isoDate, tapSequence, terminalId } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { GatewayCounsel } from '@tapgate/validator-firmware/asking/gateway-counsel';
import type { Counsel } from '@tapgate/validator-firmware/asking/counsel';
import { hotlistOfKeys } from '@tapgate/validator-firmware/gate/hotlist-snapshot';
import { ODA_PROFILE } from '@tapgate/validator-firmware/kernel/standard-profiles';
import { createValidator, type TapResult, type Validator } from '@tapgate/validator-firmware/validator';
import { presentVirtualCard } from '@tapgate/validator-firmware/virtual-cards/in-process-channel';
import { personaliseCard } from '@tapgate/validator-firmware/virtual-cards/personalise-card';
import { makeTestIssuer } from '@tapgate/validator-firmware/virtual-cards/test-issuer';
import { VirtualCard } from '@tapgate/validator-firmware/virtual-cards/virtual-card';
import { City } from '../../scenarios/city/city.ts';
import { KilledGateway } from '../../scenarios/crash/killed-gateway.fixture.ts';
import { placesOf } from '../../scenarios/tap/places.ts';
import { percentile, type Figure } from './figure.ts';

const TAPS = 300;
const WARM_UP_TAPS = 100;
const TAPS_ALONE = 20;
const MAC_KEY = Buffer.alloc(32, 7);
const TERMINAL = terminalId('BENCH001');

/**
 * What asking costs a rider: own code of a tap with a counsel that asks nobody beside one without any, the round trip to a gateway in a
 * process of its own on this machine, and what happens when that gateway stands still.
 *
 * Expected before measuring: nothing when nobody is asked (half of the difference of two runs of one thing), 5 ms p50 for the round trip,
 * every answer in time, and a dead gateway costs three riders their time and nobody more than the tap's 500 ms.
 */
export async function measureAsking(): Promise<readonly Figure[]> {
  return [...(await measureUnasked()), ...(await measureAsked())];
}

/** Taps in turn at two gates of one process, so that what disturbs the one disturbs the other. */
async function measureUnasked(): Promise<readonly Figure[]> {
  const { issuer, caKeys } = makeTestIssuer({ seed: 'bench asking', bin: '623058' });
  const unasked = new GatewayCounsel({
    client: { judgeTap: () => Promise.reject(new RangeError('nobody is asked')) },
    ...{ terminalId: TERMINAL, macKey: MAC_KEY, parameters: () => null },
  });
  const hotlist = hotlistOfKeys({ version: 1, publishedAtMs: Date.now(), listKey: Buffer.alloc(32, 9) }, []);
  const gateWith = (counsel: Counsel | null): Validator =>
    createValidator({
      terminal: {
        ...{ terminalId: TERMINAL, lineId: 'line-1', stationId: 'L1-01', tapKind: 'entry', rail: 'oda' },
        ...{ macKey: MAC_KEY, ruleSetVersion: 'bench', utcOffsetMinutes: 480, fareFen: null },
      },
      ...{ profile: ODA_PROFILE, caKeys, hotlist: () => hotlist },
      policy: { hotlistAgeMaxMs: 86_400_000, staleHotlist: 'refuse', passBackWindowMs: 0 },
      journal: {
        ...{ hasRoom: () => true, recentTaps: () => [] },
        append: (makeRecord) => {
          const sequence = tapSequence(1);
          return Promise.resolve({ tapSequence: sequence, record: makeRecord(sequence) });
        },
      },
      ...{ clock: Date.now, random: (count) => randomBytes(count) },
      ...(counsel === null ? {} : { counsel }),
    });
  let cards = 0;
  const newCard = (): VirtualCard => {
    const pan = `623058${String(++cards).padStart(13, '0')}`;
    const expiry = isoDate('2035-12-31');
    return new VirtualCard(
      personaliseCard({ seed: `asking ${cards}`, pan, psn: '01', expiry, balanceFen: fen(0), issuer }),
    );
  };
  const gates = [gateWith(null), gateWith(unasked)].map((gate) => ({ gate, own: [] as number[] }));
  for (let tap = -WARM_UP_TAPS; tap < TAPS; tap++) {
    for (const { gate, own } of gates) {
      const card = presentVirtualCard(newCard());
      const { steps } = await gate.tap(card);
      if (tap >= 0) own.push(steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0));
    }
  }
  const [without = [], withOne = []] = gates.map(({ own }) => own);
  return [
    { name: 'own code of a tap, no counsel, p50', value: percentile(without, 50), unit: 'ms' },
    { name: 'own code of a tap, counsel asks nobody, p50', value: percentile(withOne, 50), unit: 'ms' },
    {
      name: '  the one less the other',
      value: percentile(withOne, 50) - percentile(without, 50),
      ...{ unit: 'ms', atMost: 0.1 },
    },
  ];
}

async function measureAsked(): Promise<readonly Figure[]> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bench-asking-'));
  const gateway = await KilledGateway.start(folder);
  try {
    const data = loadDemoData();
    const keystore = openKeystore({ dataDir: folder, keystorePassphrase: null })?.keystore;
    const bankId = data.banks[0]?.bankId;
    if (keystore === undefined || bankId === undefined) throw new RangeError('the demonstration has both');
    const city = new City({
      ...{ baseUrl: gateway.baseUrl, data, keystore, nowMs: Date.now(), ruleSetVersion: 'bench' },
      ...{ journalsFolder: path.join(folder, 'journals'), asking: () => ASKING_DEFAULTS },
      random: (byteCount) => randomBytes(byteCount),
    });
    const gate = await city.terminal(placesOf(data).concessionBus);
    const cards = Array.from({ length: WARM_UP_TAPS + TAPS + TAPS_ALONE }, (_, index) =>
      presentVirtualCard(city.card({ bankId, seed: `bench asking ${index}` }).card),
    );
    const tapNext = async (taps: number): Promise<readonly TapResult[]> => {
      const results: TapResult[] = [];
      for (const card of cards.splice(0, taps)) results.push(await gate.validator.tap(card));
      return results;
    };
    await tapNext(WARM_UP_TAPS);
    const asked = await tapNext(TAPS);
    gateway.pause();
    const alone = await tapNext(TAPS_ALONE);
    gateway.resume();
    await city.close();
    const waits = alone.map(counselMs);
    const inTime = asked.filter((result) => result.asked?.end === 'judged').length;
    const whole = alone.map(({ steps }) => steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0));
    return [
      { name: 'question and answer, p50', value: percentile(asked.map(counselMs), 50), unit: 'ms' },
      { name: 'question and answer, p99', value: percentile(asked.map(counselMs), 99), unit: 'ms' },
      { name: 'answered within the budget', value: (100 * inTime) / TAPS, unit: '%', atLeast: 99 },
      {
        name: `gateway stands still: opened alone, of ${TAPS_ALONE}`,
        value: alone.filter(({ decision }) => decision.decision === 'open').length,
        ...{ unit: '', atLeast: TAPS_ALONE },
      },
      {
        name: '  riders who waited for it in vain',
        value: alone.filter((result) => result.asked?.end === 'late').length,
        ...{ unit: '', atMost: ASKING_DEFAULTS.failuresMax },
      },
      { name: '  wait of the longest of them', value: Math.max(...waits), unit: 'ms' },
      {
        name: '  whole tap without the card, longest',
        value: Math.max(...whole),
        ...{ unit: 'ms', atMost: ASKING_DEFAULTS.tapMs },
      },
      { name: '  wait of all others, longest', value: percentile(waits, 85), unit: 'ms' },
    ];
  } finally {
    gateway.resume();
    await gateway.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const counselMs = ({ steps }: TapResult): number =>
  steps.find(({ step }) => step === 'counsel')?.milliseconds ?? 0;
