import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { loadClearingProfiles } from '@tapgate/gateway/clearing/load-clearing-profiles';
import { closeDay, type ClosedDay } from '@tapgate/gateway/jobs/close-day';
import { closeWaiting, settleAll } from '@tapgate/gateway/jobs/settle-taps';
import { DataKeys } from '@tapgate/gateway/store/data-keys';
import { readDayBooks, type DayBooks } from '@tapgate/gateway/store/day-books';
import { fen } from '@tapgate/sdk/wire/money';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { TapAnswer } from '@tapgate/sdk/wire/verdict';
import { forwardTaps } from '@tapgate/validator-firmware/forward/forward-taps';
import {
  bulkUplink,
  liveUplink,
  type Delivery,
  type TapUplink,
} from '@tapgate/validator-firmware/forward/tap-uplink';
import type { Validator } from '@tapgate/validator-firmware/validator';
import { presentVirtualCard } from '@tapgate/validator-firmware/virtual-cards/in-process-channel';
import type { OwnGateway } from '../city/attach-gateway.ts';
import { City, type CityCard } from '../city/city.ts';
import { readOwnRecord, type CityTerminal } from '../city/city-terminal.ts';
import { OperatorDesk } from '../city/operator-desk.ts';
import type { SeededRandom } from '../seeded-random.ts';
import {
  BACK_IN_COVERAGE_MS,
  planServiceDay,
  type PlannedTap,
  type PlanNetwork,
  type PlanTerminal,
  type ServiceDayPlan,
} from './plan-service-day.ts';

export type ServiceDayOrder = {
  readonly own: OwnGateway;
  readonly date: IsoDate;
  readonly cards: number;
  readonly taps: number;
  readonly seed: string;
  readonly random: SeededRandom;
  readonly outDir: string;
  readonly onProgress: (doneTaps: number, allTaps: number, phase: string) => void;
};

/** Deliveries that did not end as the plan's clerk expected, by name of the tap. */
export type Surprise = { readonly tap: string; readonly expected: string; readonly got: string };

export type ServiceDayResult = {
  readonly plan: ServiceDayPlan;
  /** records that a terminal sent and got an answer for, copies and repetitions included */
  readonly sent: number;
  readonly duplicates: number;
  readonly surprises: readonly Surprise[];
  /** of the live path, as the terminals saw it, ms */
  readonly liveLatenciesMs: readonly number[];
  readonly bulkRecords: number;
  readonly closed: ClosedDay;
  readonly books: DayBooks;
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Terminals forward by themselves; the day goes on while so many of them are at it. */
const FORWARDING_MAX = 24;

/**
 * Runs one service day end to end: every tap goes through the real firmware into a journal on disk and by HTTP to the gateway;
 * then the day is settled and closed.
 *
 * Everything that ends in a file follows from the seed: cards, keys, randoms, times and tap sequences. How fast answers come
 * changes nothing, because a terminal numbers a tap when it happens and files are ordered by their own keys.
 */
export async function runServiceDay(order: ServiceDayOrder): Promise<ServiceDayResult> {
  const { own, date, random } = order;
  const midnightMs = Date.parse(`${date}T00:00:00+08:00`);
  const city = new City({
    ...{ baseUrl: own.baseUrl, data: own.data, keystore: own.keystore, journalsFolder: own.journalsFolder },
    nowMs: midnightMs + 3 * HOUR_MS,
    random: (byteCount) => random.bytes(byteCount),
    ruleSetVersion: 'demo',
  });
  try {
    const day = new ServiceDay(order, city, midnightMs);
    await day.prepare();
    await day.ride();
    return await day.close();
  } finally {
    await city.close();
  }
}

/** A birth date of somebody of so many years on a date: the first day of a year, whose birthday has always been. */
function bornFor(years: number, date: IsoDate): string {
  return `${String(Number(date.slice(0, 4)) - years)}-01-01`;
}

class ServiceDay {
  readonly #order: ServiceDayOrder;
  readonly #city: City;
  readonly #midnightMs: number;
  readonly #plan: ServiceDayPlan;
  readonly #cards: readonly CityCard[];
  readonly #desk: OperatorDesk;
  readonly #forwarding = new Map<string, Promise<void>>();
  readonly #expected = new Map<string, string>();
  readonly #surprises: Surprise[] = [];
  readonly #liveLatenciesMs: number[] = [];
  #sent = 0;
  #duplicates = 0;
  #bulkRecords = 0;

  constructor(order: ServiceDayOrder, city: City, midnightMs: number) {
    const { data } = order.own;
    this.#order = order;
    this.#city = city;
    this.#midnightMs = midnightMs;
    this.#plan = planServiceDay({
      network: networkOf(order.own),
      banks: data.banks.length,
      cards: order.cards,
      taps: order.taps,
      midnightMs,
      random: order.random,
    });
    this.#cards = this.#plan.cards.map(({ card, bank, standing }) =>
      city.card({
        bankId: data.banks[bank]?.bankId ?? '',
        seed: `${order.seed}/card ${card}`,
        faults: standing === 'forged' ? { forged: true } : {},
      }),
    );
    this.#desk = new OperatorDesk({
      baseUrl: order.own.baseUrl,
      token: order.own.operatorToken,
      nowMs: () => city.now.nowMs,
    });
  }

  /** Before the first bus: older riders are enrolled; the gates get the list of yesterday evening, the gateway a newer one. */
  async prepare(): Promise<void> {
    const { cards } = this.#plan;
    const cardsOf = (which: (card: (typeof cards)[number]) => boolean): CityCard[] =>
      cards.filter(which).map(({ card }) => this.#card(card));
    for (const { card, registered } of cards) {
      if (registered === null) continue;
      const { years, category } = registered;
      await this.#desk.enrolSenior(this.#card(card), bornFor(years, this.#order.date), category);
    }
    const held = cardsOf(({ standing }) => standing === 'hotlisted');
    const version = await this.#desk.publishHotlist(held);
    this.#city.now.hotlist = this.#city.hotlistOf(version, held);
    this.#city.now.nowMs = this.#midnightMs + 5 * HOUR_MS;
    await this.#desk.publishHotlist(cardsOf(({ standing }) => standing === 'hotlistedToday'));
  }

  async ride(): Promise<void> {
    const { taps } = this.#plan;
    let wasUploaded = false;
    for (const [index, tap] of taps.entries()) {
      if (!wasUploaded && tap.atMs >= this.#midnightMs + BACK_IN_COVERAGE_MS) {
        wasUploaded = true;
        await this.#uploadBacklog();
      }
      this.#city.now.nowMs = tap.atMs;
      await this.#present(tap);
      if (index % 50 === 0) this.#order.onProgress(index, taps.length, 'riding');
    }
    if (!wasUploaded) await this.#uploadBacklog();
    await this.#allForwarded();
    // What an accomplice still holds: nothing else taps at its bus tonight.
    for (const terminal of new Set(taps.map((tap) => tap.terminal.terminalId)))
      await this.#forwardLive(await this.#city.terminal(terminal));
    this.#order.onProgress(taps.length, taps.length, 'riding');
  }

  async close(): Promise<ServiceDayResult> {
    const { own, date, outDir } = this.#order;
    const { gateway, database, keystore } = own;
    await settleAll(gateway.settling);
    await closeWaiting(gateway.settling, this.#midnightMs + DAY_MS + 4 * HOUR_MS);
    const keys = new KeystoreProvider(keystore);
    const dataKeys = new DataKeys(database, keys);
    const closed = await closeDay(
      {
        ...{ database, keys, outDir },
        dataKeyOf: (serviceDate) => dataKeys.forReading(serviceDate),
        calendar: gateway.settling.calendar,
        profiles: loadClearingProfiles(),
      },
      { clearingDate: date, cutAtMs: this.#midnightMs + DAY_MS },
    );
    if ('code' in closed) throw new Error(`the day could not be closed: ${closed.code}`);
    return {
      plan: this.#plan,
      sent: this.#sent,
      duplicates: this.#duplicates,
      surprises: this.#surprises,
      liveLatenciesMs: this.#liveLatenciesMs,
      bulkRecords: this.#bulkRecords,
      closed,
      books: await readDayBooks(database, date),
    };
  }

  async #present(tap: PlannedTap): Promise<void> {
    const terminal = await this.#city.terminal(tap.terminal.terminalId);
    const validator = tap.terminal === this.#plan.faultyBus ? opensForAnything(terminal) : terminal.validator;
    const keyed = tap.amountFen === null ? undefined : fen(tap.amountFen);
    const result = await validator.tap(presentVirtualCard(this.#card(tap.card).card), keyed);
    const { record, tapSequence } = result;
    if (record === null || tapSequence === null) throw new Error('a tap of the plan made no record');
    this.#expected.set(`${terminal.terminalId}/${tapSequence}`, tap.expected);
    switch (tap.delivery) {
      case 'late':
        return;
      case 'online':
        await this.#forwardSoon(terminal);
        return;
      case 'repeated':
        await this.#forwardNow(terminal);
        this.#note(await this.#timed(terminal, record));
        return;
      case 'copied':
        await this.#forwardNow(terminal);
        await this.#copy(terminal, record);
        return;
    }
  }

  /** A second bus of the line claims the act that the first one has reported. */
  async #copy(victim: CityTerminal, record: Uint8Array): Promise<void> {
    const accomplice = victim.line.terminals.find((other) => other.terminalId !== victim.terminalId);
    if (accomplice === undefined || victim.stationId !== null) return;
    const thief = await this.#city.terminal(accomplice.terminalId);
    const { tapSequence } = await thief.journal.append((sequence) =>
      thief.authenticate({ ...readOwnRecord(record), terminalId: thief.terminalId, tapSequence: sequence }),
    );
    this.#expected.set(`${thief.terminalId}/${tapSequence}`, 'loss');
    if (thief.terminalId !== this.#plan.offlineBus.terminalId) await this.#forwardNow(thief);
  }

  /** The bus is back in coverage: its journal goes up in one request. */
  async #uploadBacklog(): Promise<void> {
    await this.#allForwarded();
    this.#city.now.nowMs = this.#midnightMs + BACK_IN_COVERAGE_MS;
    const bus = await this.#city.terminal(this.#plan.offlineBus.terminalId);
    const deliveries = await this.#deliver(bus, bulkUplink(bus.client));
    this.#bulkRecords += deliveries.length;
  }

  async #forwardSoon(terminal: CityTerminal): Promise<void> {
    const { terminalId } = terminal;
    if (this.#forwarding.has(terminalId)) {
      await this.#forwarding.get(terminalId);
    }
    const forwarding = this.#forwardLive(terminal).finally(() => {
      if (this.#forwarding.get(terminalId) === forwarding) this.#forwarding.delete(terminalId);
    });
    this.#forwarding.set(terminalId, forwarding);
    if (this.#forwarding.size >= FORWARDING_MAX) await Promise.race(this.#forwarding.values());
  }

  async #forwardNow(terminal: CityTerminal): Promise<void> {
    await this.#forwarding.get(terminal.terminalId);
    await this.#forwardLive(terminal);
  }

  async #forwardLive(terminal: CityTerminal): Promise<void> {
    const sendTap = (record: Uint8Array): Promise<TapAnswer> => this.#timed(terminal, record);
    await this.#deliver(terminal, liveUplink({ sendTap }));
  }

  async #timed(terminal: CityTerminal, record: Uint8Array): Promise<TapAnswer> {
    const startedAt = performance.now();
    const answer = await terminal.client.sendTap(record);
    this.#liveLatenciesMs.push(performance.now() - startedAt);
    return answer;
  }

  async #deliver(terminal: CityTerminal, uplink: TapUplink): Promise<readonly Delivery[]> {
    const { deliveries, stoppedBy } = await forwardTaps(terminal.journal, () => uplink);
    if (stoppedBy !== null) throw new Error(`${terminal.terminalId} could not deliver: ${stoppedBy}`);
    for (const delivery of deliveries) {
      if (delivery.kind === 'accepted') this.#note(delivery.answer);
      else throw new Error(`${terminal.terminalId} was refused: ${delivery.code}`);
    }
    return deliveries;
  }

  #note(answer: TapAnswer): void {
    this.#sent += 1;
    if (answer.duplicate) this.#duplicates += 1;
    const tap = `${answer.terminalId}/${answer.tapSequence}`;
    const expected = this.#expected.get(tap) ?? 'unknown';
    if (expected !== answer.outcome) this.#surprises.push({ tap, expected, got: answer.outcome });
  }

  async #allForwarded(): Promise<void> {
    await Promise.all(this.#forwarding.values());
  }

  #card(card: number): CityCard {
    const found = this.#cards[card];
    if (found === undefined) throw new RangeError('the plan names a card that is not there');
    return found;
  }
}

/** The faulty bus: whatever its kernel says, it opens, and its record says so. */
function opensForAnything(terminal: CityTerminal): Validator {
  return terminal.tamperedValidator((record) => ({ ...record, gateDecision: 'open', gateRefusal: null }));
}

/** Terminals of the operators by what a rider does there. */
function networkOf({ data }: OwnGateway): PlanNetwork {
  const terminals = data.operators.flatMap((operator) =>
    operator.lines.flatMap((line) =>
      line.terminals.map((terminal) => ({
        line,
        plan: { ...terminal, lineId: line.lineId } satisfies PlanTerminal,
      })),
    ),
  );
  const of = (mode: string, rail: string): PlanTerminal[] =>
    terminals.filter(({ line }) => line.mode === mode && line.rail === rail).map(({ plan }) => plan);
  return {
    concessionBuses: of('bus', 'oda'),
    flatBuses: of('bus', 'offline_purchase'),
    metroGates: of('metro', 'oda'),
    clinics: of('clinic', 'offline_purchase'),
  };
}
