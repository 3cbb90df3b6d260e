import { randomBytes } from 'node:crypto';
import { createInterface } from 'node:readline';
import { setTimeout as nap } from 'node:timers/promises';
import { openKeystore } from '@tapgate/gateway/keys/open-keystore';
import { loadDemoData } from '@tapgate/gateway/operators/demo-reference';
import type { Settings } from '@tapgate/gateway/settings';
import { StartFault } from '@tapgate/gateway/start-fault';
import type { VirtualReader } from '@tapgate/validator-firmware/devices/virtual-reader';
import { City, type CityCard } from '../city/city.ts';
import { seededRandom } from '../seeded-random.ts';
import type { Over } from './stop-signal.ts';
import type { ValidatorOrder } from './validator-order.ts';
import { virtualRiders, walkThrough } from './virtual-riders.ts';

export type DemoRiders = {
  /** Lets riders come to a reader until it is over. */
  readonly comeTo: (reader: VirtualReader, at: string, over: Over) => Promise<void>;
};

const ENTER_HOLD_MS = 300;

/**
 * Riders with cards of the demonstration's banks: a stream of them, or one for each line from the keyboard. Cards are personalised under the
 * banks' keys, which a demonstration keeps in one keystore with the gateway's.
 *
 * @throws StartFault keystore_missing
 */
export function demoRiders(order: ValidatorOrder, settings: Settings): DemoRiders {
  const keystore = openKeystore(settings)?.keystore;
  if (keystore === undefined)
    throw new StartFault(
      'keystore_missing',
      `virtual cards need the demonstration's keystore, and there is none in ${settings.dataDir}: start the gateway once (npm start), or set DATA_DIR to its folder`,
    );
  const data = loadDemoData();
  const city = new City({
    ...{ data, keystore, nowMs: Date.now(), baseUrl: '', journalsFolder: '', ruleSetVersion: '' },
    random: (byteCount) => randomBytes(byteCount),
  });
  const newCard = (number: number, faults: CityCard['card']['faults']): CityCard => {
    const bank = data.banks[number % data.banks.length];
    if (bank === undefined) throw new RangeError('the demonstration has banks');
    return city.card({ bankId: bank.bankId, seed: `${order.seed}/${number}`, faults });
  };
  return {
    comeTo: async (reader, at, over) => {
      const napping = (ms: number): Promise<void> =>
        nap(ms, undefined, { signal: over.signal }).catch(() => undefined);
      const gate = { isOver: over.isOver, sleep: napping };
      if (order.simulate) {
        const random = seededRandom(order.seed);
        await walkThrough(virtualRiders({ random, newCard, betweenMs: order.betweenMs }), reader, at, gate);
        return;
      }
      const keyboard = createInterface({ input: process.stdin });
      void over.ended.then(() => {
        keyboard.close();
      });
      let number = 0;
      for await (const line of keyboard) {
        if (line === 'q') over.end();
        if (over.isOver()) return;
        const rider = { card: newCard(++number, {}), holdMs: ENTER_HOLD_MS, pauseMs: 0 };
        await walkThrough([rider], reader, at, gate);
      }
    },
  };
}
