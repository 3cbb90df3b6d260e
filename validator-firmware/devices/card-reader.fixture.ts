import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { ODA_PROFILE } from '../kernel/standard-profiles.ts';
import { tapTransaction } from '../kernel/tap-transaction.ts';
import type { CardFaults } from '../virtual-cards/card-faults.ts';
import { personaliseCard } from '../virtual-cards/personalise-card.ts';
import { makeTestIssuer } from '../virtual-cards/test-issuer.ts';
import { VirtualCard } from '../virtual-cards/virtual-card.ts';
import type { CardChannel } from './card-channel.ts';
import type { CardReader, ReaderEvent, ReaderListener } from './card-reader.ts';
import { DeviceFault } from './device-fault.ts';
import { driveKernel } from './drive-kernel.ts';

/** Two readers of one kind, and hands around them. */
export type ReaderBench = {
  readonly readers: readonly [string, string];
  readonly open: (listener: ReaderListener) => Promise<CardReader>;
  readonly insert: (reader: string, card: VirtualCard) => Promise<void>;
  readonly remove: (reader: string) => Promise<void>;
  readonly lose: () => Promise<void>;
  readonly restore: () => Promise<void>;
};

/** Long: a busy machine may take its time to start a reader's process. */
const EVENT_WAIT_MS = 60_000;
const { issuer, caKeys } = makeTestIssuer({ seed: 'reader test', bin: '623058' });
let drawn = 0;

export function newCard(faults?: CardFaults): VirtualCard {
  const seed = String(++drawn);
  const personalisation = personaliseCard({
    ...{ seed, psn: '01', expiry: isoDate('2030-12-31'), balanceFen: fen(0), issuer },
    pan: `623058${seed.padStart(13, '0')}`,
  });
  return new VirtualCard(personalisation, undefined, faults);
}

/** One tap as the gate would do it. */
function tap(card: CardChannel) {
  const parameters = {
    amountFen: fen(0),
    localDate: isoDate('2026-11-23'),
    localTime: '081500',
    unpredictableNumber: Buffer.alloc(4, 1),
  };
  const authority = { caKeys, revokedIssuerCertificates: new Set<string>() };
  return driveKernel(tapTransaction(ODA_PROFILE, parameters, authority), card);
}

/** Keeps what a reader says, so that a test can wait for the next event of a kind without racing it. */
export class ReaderEar {
  readonly heard: ReaderEvent[] = [];
  #read = 0;
  #wake: (() => void) | null = null;

  readonly listener: ReaderListener = (event) => {
    this.heard.push(event);
    this.#wake?.();
  };

  /** The next event that was not asked for yet; it must be the one that is named. */
  async next<Kind extends ReaderEvent['event']>(
    kind: Kind,
    reader: string,
  ): Promise<Extract<ReaderEvent, { event: Kind }>> {
    const found = await this.#nextOf(reader);
    assert.equal(found.event, kind);
    return found as Extract<ReaderEvent, { event: Kind }>;
  }

  async card(reader: string): Promise<CardChannel> {
    return (await this.next('card_present', reader)).card;
  }

  /** Events of different readers may come in either order. */
  async #nextOf(reader: string): Promise<ReaderEvent> {
    const deadline = performance.now() + EVENT_WAIT_MS;
    for (;;) {
      const at = this.heard.findIndex((event, index) => index >= this.#read && event.reader === reader);
      const found = this.heard[at];
      if (found !== undefined) {
        this.heard.splice(at, 1);
        this.heard.splice(this.#read, 0, found);
        this.#read++;
        return found;
      }
      const leftMs = deadline - performance.now();
      assert.ok(leftMs > 0, `no further event of ${reader}; heard ${JSON.stringify(this.heard)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}

const SELECT_DIRECTORY = Buffer.from('00A404000E325041592E5359532E444446303100', 'hex');
const readerGone = (error: unknown) => error instanceof DeviceFault && error.code === 'reader_lost';

/** What every reader does, whatever it is made of. */
export function describeCardReader(
  kind: string,
  bench: ReaderBench,
  around: { readonly start?: () => Promise<void>; readonly stop?: () => Promise<void> } = {},
): void {
  describe(`card reader: ${kind}`, () => {
    const [first, second] = bench.readers;
    let ear: ReaderEar;
    let reader: CardReader;

    before(async () => around.start?.());
    after(async () => around.stop?.());
    beforeEach(() => {
      ear = new ReaderEar();
    });
    afterEach(async () => {
      await reader.close();
      for (const name of bench.readers) await bench.remove(name);
    });

    async function open(): Promise<void> {
      reader = await bench.open(ear.listener);
      await ear.next('reader_ready', first);
      await ear.next('reader_ready', second);
    }

    test('a tap from end to end, and the card leaves', async () => {
      await open();
      assert.deepEqual([...reader.readers].sort(), [first, second].sort());
      const card = newCard();
      await bench.insert(first, card);
      const channel = await ear.card(first);
      const outcome = await tap(channel);
      assert.equal(outcome.kind, 'approved');
      assert.equal(outcome.evidence?.atc, 1);
      await bench.remove(first);
      await ear.next('card_removed', first);
      assert.equal(await channel.transmit(SELECT_DIRECTORY), null);
    });

    test('a card that lies there when the readers are opened is announced', async () => {
      await bench.insert(first, newCard());
      await open();
      assert.equal((await tap(await ear.card(first))).kind, 'approved');
    });

    test('a card that leaves in the middle of a tap: the kernel is told, and the next card is served', async () => {
      await open();
      await bench.insert(first, newCard({ tornAtCommand: 4 }));
      const outcome = await tap(await ear.card(first));
      assert.deepEqual([outcome.kind, outcome.refusal?.code], ['try_again', 'card_torn']);
      await bench.remove(first);
      await ear.next('card_removed', first);
      await bench.insert(first, newCard());
      assert.equal((await tap(await ear.card(first))).kind, 'approved');
    });

    test('a card that is pulled while it thinks has left', async () => {
      await open();
      await bench.insert(first, newCard({ slowMs: 300 }));
      const channel = await ear.card(first);
      const answer = channel.transmit(SELECT_DIRECTORY);
      await bench.remove(first);
      assert.equal(await answer, null);
      await ear.next('card_removed', first);
    });

    test('the channel of a card that left is dead, though another card lies there', async () => {
      await open();
      await bench.insert(first, newCard());
      const old = await ear.card(first);
      await bench.remove(first);
      await ear.next('card_removed', first);
      await bench.insert(first, newCard());
      const channel = await ear.card(first);
      assert.equal(await old.transmit(SELECT_DIRECTORY), null);
      assert.equal((await tap(channel)).kind, 'approved');
    });

    test('two readers serve two riders at once', async () => {
      await open();
      await bench.insert(first, newCard());
      await bench.insert(second, newCard());
      const channels = [await ear.card(first), await ear.card(second)];
      const outcomes = await Promise.all(channels.map((channel) => tap(channel)));
      assert.deepEqual(
        outcomes.map((outcome) => outcome.kind),
        ['approved', 'approved'],
      );
    });

    test('something that does not answer as a card is said to be unreadable', async () => {
      await open();
      await bench.insert(first, newCard({ mute: true }));
      await ear.next('card_unreadable', first);
      await bench.remove(first);
      await ear.next('card_removed', first);
      await bench.insert(first, newCard());
      assert.equal((await tap(await ear.card(first))).kind, 'approved');
    });

    test('readers that are lost come back by themselves, and serve the card that was left there', async () => {
      await open();
      await bench.insert(first, newCard());
      const channel = await ear.card(first);
      assert.ok(await channel.transmit(SELECT_DIRECTORY));
      await bench.lose();
      await ear.next('reader_lost', first);
      await ear.next('reader_lost', second);
      assert.deepEqual(reader.readers, []);
      await assert.rejects(channel.transmit(SELECT_DIRECTORY), readerGone);
      await bench.remove(first);
      await bench.restore();
      await ear.next('reader_ready', first);
      await ear.next('reader_ready', second);
      await bench.insert(second, newCard());
      assert.equal((await tap(await ear.card(second))).kind, 'approved');
    });

    test('readers that are lost in the middle of an answer never leave the kernel waiting', async () => {
      await open();
      await bench.insert(first, newCard({ slowMs: 400 }));
      const channel = await ear.card(first);
      const answer = channel.transmit(SELECT_DIRECTORY);
      await bench.lose();
      // Which of the two is told depends on what the driver notices first: the answer that fails, or the daemon that went.
      const end = await answer.catch((error: unknown) => error);
      assert.ok(end === null || readerGone(end));
      await ear.next('reader_lost', first);
      await bench.restore();
    });

    test('a closed reader says nothing more', async () => {
      await open();
      await bench.insert(first, newCard());
      const channel = await ear.card(first);
      await reader.close();
      const heard = ear.heard.length;
      await bench.remove(first);
      await assert.rejects(channel.transmit(SELECT_DIRECTORY), { code: 'reader_closed' });
      assert.equal(ear.heard.length, heard);
    });
  });
}
