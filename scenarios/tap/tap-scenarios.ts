import { encodeTlvTree } from '@tapgate/sdk/emv/tlv-encoding';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { generateSm2KeyPair, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import { TapGateClient } from '@tapgate/sdk/client';
import { TapGateError } from '@tapgate/sdk/error';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';
import { encodeTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import { parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { tapSequence, terminalId } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import type { CardFaults } from '@tapgate/validator-firmware/virtual-cards/card-faults';
import type { CityCard } from '../city/city.ts';
import { readOwnRecord, type CityTerminal } from '../city/city-terminal.ts';
import { endOfHistory, type TapWalk, type WalkEnd } from './tap-walk.ts';

/** What a scenario may choose from: places by what they are, so that any operator's data will do. */
export type Places = {
  readonly concessionBus: string;
  readonly otherConcessionBus: string;
  readonly metroEntry: string;
  /** of a station some kilometres away */
  readonly metroExit: string;
  readonly clinic: string;
};

export type TapScenario = {
  readonly name: string;
  readonly standsFor: string;
  /** local time of day, HH:MM */
  readonly at: string;
  readonly expected: WalkEnd;
  readonly run: (
    walk: TapWalk,
    places: Places,
    newCard: (faults?: CardFaults) => CityCard,
  ) => Promise<WalkEnd>;
};

const MINUTE_MS = 60_000;
const SENIOR_BIRTH_DATE = '1949-05-17';
const CLINIC_AMOUNT = fen(3_500);

const charged = (listFareFen: number, fareFen: number): WalkEnd => ({
  outcome: 'chargeable',
  step: 'accept',
  listFareFen,
  fareFen,
});
const refused = (outcome: string, step: WalkEnd['step']): WalkEnd => ({
  outcome,
  step,
  listFareFen: null,
  fareFen: null,
});

/** Every scenario, with what it must end in. A scenario that ends otherwise is a fault of the gateway or of this table. */
export const TAP_SCENARIOS: readonly TapScenario[] = [
  {
    name: 'adult-bus',
    standsFor: 'an adult on a bus line with concessions pays the flat fare, later',
    at: '12:10',
    expected: charged(200, 200),
    run: async (walk, places, newCard) => {
      const bus = await walk.city.terminal(places.concessionBus);
      return tapAndFollow(walk, bus, newCard());
    },
  },
  {
    name: 'metro-in-out',
    standsFor: 'an adult enters one station and leaves at another: one journey, by distance',
    at: '12:20',
    expected: charged(300, 300),
    run: (walk, places, newCard) => metroJourney(walk, places, newCard()),
  },
  {
    name: 'senior-off-peak',
    standsFor: 'a rider of 70 or more outside the peak travels free, and the finance bureau pays',
    at: '10:00',
    expected: charged(300, 0),
    run: async (walk, places, newCard) => {
      const card = newCard();
      await walk.desk.enrolSenior(card, SENIOR_BIRTH_DATE);
      return metroJourney(walk, places, card);
    },
  },
  {
    name: 'senior-peak',
    standsFor: 'the same rider in the morning peak of a working day pays half',
    at: '08:00',
    expected: charged(300, 150),
    run: async (walk, places, newCard) => {
      const card = newCard();
      await walk.desk.enrolSenior(card, SENIOR_BIRTH_DATE);
      return metroJourney(walk, places, card);
    },
  },
  {
    name: 'hotlisted',
    standsFor: 'a card on the list that the gate holds is refused by the gate',
    at: '12:30',
    expected: refused('hotlisted', 'gate'),
    run: async (walk, places, newCard) => {
      const { city, desk } = walk;
      const card = newCard();
      city.now.hotlist = city.hotlistOf(await desk.publishHotlist([card]), [card]);
      return denied(walk, await city.terminal(places.concessionBus), card, 'gate');
    },
  },
  {
    name: 'replayed',
    standsFor:
      'a second terminal claims an act of a card that was reported already: a loss and an alarm, charged once',
    at: '12:40',
    expected: refused('atc_reused', 'accept'),
    run: async (walk, places, newCard) => {
      const bus = await walk.city.terminal(places.concessionBus);
      const other = await walk.city.terminal(places.otherConcessionBus);
      const card = newCard();
      const { record } = await walk.present(bus, card);
      await walk.forward(bus);
      if (record === null) throw new Error('the honest tap made no record');
      const stolen = readOwnRecord(record);
      const copied = await other.journal.append((sequence) =>
        other.authenticate({ ...stolen, terminalId: other.terminalId, tapSequence: sequence }),
      );
      walk.note(
        'journal',
        `evidence of ${bus.terminalId}`,
        `claimed by ${other.terminalId}/${copied.tapSequence}`,
        null,
      );
      await walk.forward(other);
      return endOfHistory(await walk.follow(other, copied.tapSequence));
    },
  },
  {
    name: 'forged',
    standsFor: 'a copied card signs with another key than the one its certificate names',
    at: '12:50',
    expected: refused('dynamic_signature_invalid', 'kernel'),
    run: async (walk, places, newCard) =>
      denied(walk, await walk.city.terminal(places.concessionBus), newCard({ forged: true }), 'kernel'),
  },
  {
    name: 'tampered-in-transit',
    standsFor:
      'one bit of a record changes between terminal and gateway: the MAC fails and nothing is stored',
    at: '13:00',
    expected: refused('terminal_mac_invalid', 'accept'),
    run: async (walk, places, newCard) => {
      const bus = await walk.city.terminal(places.concessionBus);
      const { record } = await walk.present(bus, newCard());
      if (record === null) throw new Error('the honest tap made no record');
      const code = await walk.send(bus, flipTimeBit(record), 'the record with one bit flipped');
      // The terminal still has the good one, and delivers it.
      await walk.forward(bus);
      return refused(code, 'accept');
    },
  },
  {
    name: 'tampered-terminal',
    standsFor: 'a terminal changes the amount and makes a good MAC: the signature of the card refuses it',
    at: '13:10',
    expected: refused('dynamic_signature_invalid', 'accept'),
    run: async (walk, places, newCard) => {
      const bus = await walk.city.terminal(places.concessionBus);
      const validator = bus.tamperedValidator((record) => withAmount(record, '000000009900'));
      const { tapSequence: sequence } = await walk.present(bus, newCard(), { validator });
      if (sequence === null) throw new Error('the tap made no record');
      await walk.forward(bus);
      return endOfHistory(await walk.follow(bus, sequence));
    },
  },
  {
    name: 'unknown-terminal',
    standsFor:
      'a terminal that nobody registered gets no session, and its record is refused in another one’s',
    at: '13:20',
    expected: refused('terminal_unknown', 'accept'),
    run: async (walk, places, newCard) => {
      const bus = await walk.city.terminal(places.concessionBus);
      const { record } = await walk.present(bus, newCard());
      if (record === null) throw new Error('the honest tap made no record');
      const stranger = terminalId('ZZZZ9999');
      await openStrangersSession(walk, bus, stranger);
      const claimed = { ...readOwnRecord(record), terminalId: stranger, tapSequence: tapSequence(1) };
      const bytes = encodeTapRecord(claimed, (macInput) => hmacSm3(Buffer.alloc(32, 1), macInput));
      const code = await walk.send(bus, bytes, `a record of ${stranger}`);
      await walk.forward(bus);
      return refused(code, 'accept');
    },
  },
  {
    name: 'torn',
    standsFor: 'the card leaves before its last record was read: try again, nothing is charged',
    at: '13:30',
    expected: refused('card_torn', 'kernel'),
    run: async (walk, places, newCard) =>
      // PPSE, SELECT, GPO, then four records: the seventh command is the last record.
      denied(walk, await walk.city.terminal(places.concessionBus), newCard({ tornAtCommand: 7 }), 'kernel'),
  },
  {
    name: 'clinic',
    standsFor: 'a clinic takes an amount that was keyed in, from the electronic cash of the card',
    at: '14:00',
    expected: charged(CLINIC_AMOUNT, CLINIC_AMOUNT),
    run: async (walk, places, newCard) => {
      const clinic = await walk.city.terminal(places.clinic);
      return tapAndFollow(walk, clinic, newCard(), { keyedAmountFen: CLINIC_AMOUNT });
    },
  },
];

async function tapAndFollow(
  walk: TapWalk,
  terminal: CityTerminal,
  card: CityCard,
  options: Parameters<TapWalk['present']>[2] = {},
): Promise<WalkEnd> {
  const { tapSequence: sequence, decision } = await walk.present(terminal, card, options);
  if (sequence === null || decision.decision === 'deny') {
    const outcome = decision.decision === 'deny' ? decision.refusal.code : 'no_record';
    return refused(outcome, 'gate');
  }
  await walk.forward(terminal);
  return endOfHistory(await walk.follow(terminal, sequence));
}

async function metroJourney(walk: TapWalk, places: Places, card: CityCard): Promise<WalkEnd> {
  const { city } = walk;
  const entry = await city.terminal(places.metroEntry);
  const exit = await city.terminal(places.metroExit);
  await walk.present(entry, card);
  await walk.forward(entry);
  city.now.nowMs += 18 * MINUTE_MS;
  return tapAndFollow(walk, exit, card);
}

/** A tap that the terminal refuses by itself. The record travels all the same: it is evidence, and an alarm. */
async function denied(
  walk: TapWalk,
  terminal: CityTerminal,
  card: CityCard,
  step: 'kernel' | 'gate',
): Promise<WalkEnd> {
  const { outcome, decision } = await walk.present(terminal, card);
  await walk.forward(terminal);
  if (decision.decision === 'open') return refused('open', 'gate');
  return refused(decision.refusal.code, outcome.refusal === null ? 'gate' : step);
}

async function openStrangersSession(
  walk: TapWalk,
  known: CityTerminal,
  stranger: ReturnType<typeof terminalId>,
): Promise<void> {
  const keys = generateSm2KeyPair();
  const client = new TapGateClient({
    baseUrl: walk.desk.baseUrl,
    authentication: { terminalId: stranger, sign: (message) => sm2Sign({ ...keys, message }) },
    clock: () => walk.city.now.nowMs,
    headers: () => ({ 'Demo-Time': new Date(walk.city.now.nowMs).toISOString() }),
  });
  try {
    await client.openTerminalSession();
    walk.note('session', stranger, 'given a session', null);
  } catch (error) {
    if (!(error instanceof TapGateError)) throw error;
    walk.note(
      'session',
      stranger,
      `refused: ${error.code}; its record travels in the session of ${known.terminalId}`,
      null,
    );
  }
}

/** The terminal data objects with another 9F02, everything else as it was. */
function withAmount(record: TapRecord, amount: string): TapRecord {
  const parsed = parseTlv(record.terminalData);
  if (!parsed.ok) throw new RangeError('own terminal data do not parse');
  const objects = parsed.nodes.map(({ tag, value }) => ({
    tag,
    value: tag === '9F02' ? bytesFromHex(amount) : value,
  }));
  return { ...record, terminalData: encodeTlvTree(objects) };
}

/** Flips the lowest bit of the terminal time (C4, eight bytes), which leaves a well-formed record. */
function flipTimeBit(record: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(record);
  const at = Buffer.from(changed.buffer).indexOf(Buffer.from([0xc4, 0x08]));
  const lowest = at + 9;
  changed[lowest] = (changed[lowest] ?? 0) ^ 1;
  return changed;
}
