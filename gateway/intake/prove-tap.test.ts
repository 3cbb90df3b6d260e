import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startTestDatabase, type TestDatabase } from '../database/test-database.ts';
import { findTerminal, SignedTaps, type FixtureCard, type FixtureTapOrder } from './signed-taps.fixture.ts';
import { openTestApp, openTestWorld, type TestWorld } from './test-gateway.fixture.ts';

const NOW_MS = Date.parse('2026-11-18T10:00:00+08:00');

type Case = {
  readonly fact: string;
  readonly order?: Partial<FixtureTapOrder>;
  readonly card?: Parameters<typeof cardOf>[1];
  readonly rail?: 'oda' | 'offline_purchase';
  readonly is: string;
};

const replaceRecord = (
  index: number,
  body: (bytes: Uint8Array) => Uint8Array,
): NonNullable<FixtureTapOrder['change']> => {
  return (record) => ({
    ...record,
    cardRecords: record.cardRecords.map((read, at) =>
      at === index ? { ...read, body: body(read.body) } : read,
    ),
  });
};
const flipLast = (bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
};
/** Flips a bit 20 bytes before the end: inside the signature of 90, where that is the last object of its record. */
const flipSignature = (bytes: Uint8Array): Uint8Array => {
  const copy = Uint8Array.from(bytes);
  const at = copy.length - 20;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

let numbers = 0;
function cardOf(
  { taps, world }: { readonly taps: SignedTaps; readonly world: TestWorld },
  options: { readonly expiryYymmdd?: string; readonly bin?: string } = {},
): FixtureCard {
  const bank = world.demo.banks[0];
  assert.ok(bank?.bins[0]);
  numbers += 1;
  return taps.makeCard({ bankId: bank.bankId, bin: bank.bins[0], number: numbers, ...options });
}

// In the rank of sdk/wire/refusals.ts; every one opened the gate.
const CASES: readonly Case[] = [
  {
    fact: 'a record of the card that takes part in its proof is left out',
    order: { change: (record) => ({ ...record, cardRecords: record.cardRecords.slice(1) }) },
    is: 'loss:card_data_missing',
  },
  {
    fact: 'the GPO response is cut off',
    order: {
      change: (record) => ({ ...record, gpoResponse: (record.gpoResponse ?? new Uint8Array()).slice(0, -3) }),
    },
    is: 'loss:card_data_invalid',
  },
  {
    fact: 'an application of another scheme',
    order: { change: (record) => ({ ...record, dfName: Buffer.from('A000000632010105', 'hex') }) },
    is: 'loss:ca_key_unknown',
  },
  {
    fact: 'the issuer certificate is changed',
    order: { change: replaceRecord(1, flipSignature) },
    is: 'loss:issuer_certificate_invalid',
  },
  {
    fact: 'the static data under the card certificate are changed',
    order: { change: replaceRecord(0, flipLast) },
    is: 'loss:card_certificate_invalid',
  },
  { fact: 'a card that expired', card: { expiryYymmdd: '261031' }, is: 'loss:card_certificate_expired' },
  { fact: 'a forged card', order: { forged: true }, is: 'loss:dynamic_signature_invalid' },
  {
    fact: 'a terminal that changed 9F02 after the card had signed, with a good MAC',
    rail: 'offline_purchase',
    order: { amountFen: 100, amountAfterwardsFen: 200 },
    is: 'loss:dynamic_signature_invalid',
  },
  {
    fact: 'a cryptogram of a type that pays nothing',
    rail: 'offline_purchase',
    order: { cryptogramType: 'ARQC' },
    is: 'loss:cryptogram_type_refused',
  },
  {
    fact: 'a declined cryptogram',
    order: { cryptogramType: 'AAC' },
    is: 'loss:cryptogram_type_refused',
  },
  {
    fact: 'the cryptogram is not of the issuer',
    rail: 'offline_purchase',
    order: { change: (record) => ({ ...record, gpoResponse: changeCryptogram(record.gpoResponse) }) },
    is: 'loss:cryptogram_invalid',
  },
  { fact: 'an amount that is not the line price', order: { amountFen: 123 }, is: 'loss:amount_mismatch' },
  { fact: 'a tap of a good card for deferred charge', is: 'chargeable' },
  { fact: 'a tap of a good card that pays', rail: 'offline_purchase', is: 'chargeable' },
];

function changeCryptogram(gpo: Uint8Array | null): Uint8Array {
  const bytes = Buffer.from(gpo ?? new Uint8Array());
  const at = bytes.indexOf(Buffer.from('9F2608', 'hex'));
  assert.ok(at > 0);
  bytes.writeUInt8(bytes.readUInt8(at + 5) ^ 0x10, at + 5);
  return bytes;
}

describe('a tap that opened the gate proves itself again', () => {
  let server: TestDatabase;
  let world: TestWorld;
  let gateway: ReturnType<typeof openTestApp>;
  let taps: SignedTaps;
  let sequence = 0;

  before(async () => {
    server = await startTestDatabase();
    world = await openTestWorld(server.url, { nowMs: NOW_MS });
    gateway = openTestApp(world, { clock: () => NOW_MS });
    taps = new SignedTaps(world.keystore);
  });
  after(async () => {
    await gateway.stop();
    await world.database.close();
    await server.stop();
  });

  async function accept(
    order: Partial<FixtureTapOrder> & Pick<FixtureTapOrder, 'card' | 'placement'>,
  ): Promise<string> {
    sequence += 1;
    const bytes = taps.makeTap({ sequence, atc: 1, atMs: NOW_MS, ...order });
    const result = await gateway.intake.accept({
      bytes,
      sender: null,
      nowMs: NOW_MS,
      budgetMs: null,
      lane: 'first',
    });
    if (!result.ok) return `refused:${result.refusal.code}`;
    const { outcome, cause, duplicate } = result.answer;
    return [...(duplicate ? ['duplicate'] : []), outcome, ...(cause === null ? [] : [cause])].join(':');
  }

  for (const { fact, order, card, rail, is } of CASES) {
    test(fact, async () => {
      const placement = findTerminal(world.reference.terminals, {
        rail: rail ?? 'oda',
        tapKind: 'single',
        keyed: false,
      });
      assert.equal(await accept({ card: cardOf({ taps, world }, card), placement, ...order }), is);
      assert.deepEqual(gateway.faults, []);
    });
  }

  test('a card certificate is verified once, a dynamic signature each time', async () => {
    const placement = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' });
    const card = cardOf({ taps, world });
    const before = gateway.sm2Workers.verifications;
    assert.equal(await accept({ card, placement, atc: 1 }), 'chargeable');
    assert.equal(gateway.sm2Workers.verifications - before, 2);
    assert.equal(await accept({ card, placement, atc: 2 }), 'chargeable');
    assert.equal(gateway.sm2Workers.verifications - before, 3);
    // A gateway that has just started knows the card by its row, and verifies the issuer once.
    const other = openTestApp(world, { clock: () => NOW_MS });
    sequence += 1;
    const bytes = taps.makeTap({ card, placement, sequence, atc: 3, atMs: NOW_MS });
    await other.intake.accept({ bytes, sender: null, nowMs: NOW_MS, budgetMs: null, lane: 'first' });
    assert.equal(other.sm2Workers.verifications, 2);
    await other.stop();
  });

  test('a card of no cooperating bank', async () => {
    const placement = findTerminal(world.reference.terminals, { rail: 'oda', tapKind: 'single' });
    const bank = world.demo.banks[0];
    assert.ok(bank);
    // Its issuer's certificate names the bank's BIN, so the chain says so first.
    const card = taps.makeCard({ bankId: bank.bankId, bin: '400000', number: 1 });
    assert.equal(await accept({ card, placement }), 'loss:issuer_certificate_invalid');
  });

  test('with the issuer hosting the gateway the cryptogram alone proves, and nothing is verified with SM2', async () => {
    const hosted = openTestApp(world, { clock: () => NOW_MS, issuerHosted: true });
    const placement = findTerminal(world.reference.terminals, {
      rail: 'offline_purchase',
      tapKind: 'single',
      keyed: false,
    });
    const card = cardOf({ taps, world });
    const send = async (order: Partial<FixtureTapOrder>): Promise<string> => {
      sequence += 1;
      const bytes = taps.makeTap({ card, placement, sequence, atc: 1, atMs: NOW_MS, ...order });
      const result = await hosted.intake.accept({
        bytes,
        sender: null,
        nowMs: NOW_MS,
        budgetMs: null,
        lane: 'first',
      });
      return result.ok ? `${result.answer.outcome}:${result.answer.cause ?? ''}` : result.refusal.code;
    };
    assert.equal(await send({ atc: 1 }), 'chargeable:');
    assert.equal(await send({ atc: 1 }), 'loss:atc_reused');
    assert.equal(
      await send({
        atc: 2,
        change: (record) => ({ ...record, gpoResponse: changeCryptogram(record.gpoResponse) }),
      }),
      'loss:cryptogram_invalid',
    );
    assert.equal(await send({ atc: 2 }), 'chargeable:');
    assert.equal(hosted.sm2Workers.verifications, 0);
    await hosted.stop();
  });
});
