import { isoDate, panToken, type IsoDate, type PanToken } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { zoneClock } from '../calendar/zone-clock.ts';
import { UNKNOWN_HOLDER } from '../concessions/holder-facts.ts';
import { holderOf } from '../concessions/holder-of-enrolments.ts';
import { seededRandom } from '../fares/random-journeys.ts';
import type { RuleBook } from '../fares/rule-book.ts';
import {
  settleCard,
  type SettledJourney,
  type SettlingRules,
  type TapToSettle,
} from '../journeys/settle-card.ts';
import {
  loadOperators,
  type LineData,
  type OperatorData,
  type TerminalData,
} from '../operators/load-operators.ts';
import type { StoredNetwork } from '../replay/stored-facts.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { CardEnrolment } from '../store/concession-enrolments.ts';
import type { Database } from '../store/connection.ts';

/** A day of rides on the demonstration's network, settled by the code that settles taps, for tests and benches of what comes after. */
export type PricedDay = {
  readonly journeys: readonly SettledJourney[];
  readonly enrolments: readonly CardEnrolment[];
  readonly network: StoredNetwork;
};

type Placed = { readonly operator: OperatorData; readonly line: LineData; readonly terminal: TerminalData };
type Enrolled = Omit<CardEnrolment, 'panToken'>;

/** Of whom the desk knows what: a rider of 74, one of 67, one of 62, and for the rest nothing. */
const REGISTERED: readonly (readonly [share: number, category: string, years: number])[] = [
  [0.2, 'senior-70', 74],
  [0.1, 'senior-60', 67],
  [0.1, 'senior-60', 62],
];

export function pricedDay(
  rules: { readonly ruleBook: RuleBook; readonly calendar: DayTypeCalendar },
  size: {
    readonly cards: number;
    readonly ridesPerCard: number;
    readonly date: string;
    readonly seed: number;
  },
): PricedDay {
  const operators = loadOperators();
  const placed = operators.flatMap((operator) =>
    operator.lines.flatMap((line) => line.terminals.map((terminal) => ({ operator, line, terminal }))),
  );
  const settling = settlingRules(operators, placed, rules);
  const random = seededRandom(size.seed);
  const serviceDate = isoDate(size.date);
  const journeys: SettledJourney[] = [];
  const enrolments: CardEnrolment[] = [];
  for (let card = 0; card < size.cards; card += 1) {
    const token = tokenOf(card);
    const enrolled = enrolmentOf(random(), Number(size.date.slice(0, 4)));
    if (enrolled !== null) enrolments.push({ ...enrolled, panToken: token });
    const holder = holderOf(
      enrolled === null ? [] : [{ ...enrolled, panToken: token }],
      zoneClock('Asia/Shanghai'),
    );
    const taps = tapsOf(
      placed,
      { token, firstSequence: card * 1_000 },
      serviceDate,
      size.ridesPerCard,
      random,
    );
    const closeBeforeMs = Number.MAX_SAFE_INTEGER;
    journeys.push(
      ...settleCard({ taps, holder, settledActs: new Map(), closeBeforeMs, past: null }, settling).journeys,
    );
  }
  return { journeys, enrolments, network: networkOf(placed, settling) };
}

export function tokenOf(card: number): PanToken {
  return panToken(card.toString(16).toUpperCase().padStart(8, '0').repeat(4));
}

function enrolmentOf(luck: number, year: number): Enrolled | null {
  let left = luck;
  for (const [share, category, years] of REGISTERED) {
    if (left < share) {
      return {
        ...{ enrolmentId: category, psn: 1, category, evidenceKind: 'senior_card' },
        person: { ...UNKNOWN_HOLDER.person, birthDate: `${String(year - years)}-01-01` },
        ...{ validFrom: isoDate('2020-01-01'), validTo: null, reviewDueOn: null, revokedAtMs: null },
      };
    }
    left -= share;
  }
  return null;
}

/** Writes enrolments by token, as a desk would have by PAN: the cards of this day have none. */
export async function insertEnrolments(
  database: Database,
  keys: Pick<KeyProvider, 'seal'>,
  enrolments: readonly CardEnrolment[],
): Promise<void> {
  for (const { panToken: token, psn, category, evidenceKind, person, validFrom } of enrolments) {
    const born = new TextEncoder().encode(person.birthDate ?? '');
    const sealed = Buffer.from(keys.seal(born, `birth-date|${token}|${String(psn)}`));
    await database.hot`
      insert into concession_enrolment (pan_token, psn, category, evidence_kind, person_sealed, valid_from)
      values (${Buffer.from(token, 'hex')}, ${psn}, ${category}, ${evidenceKind}, ${sealed}, ${validFrom})`;
  }
}

function tapsOf(
  placed: readonly Placed[],
  { token, firstSequence }: { readonly token: PanToken; readonly firstSequence: number },
  serviceDate: IsoDate,
  rides: number,
  random: () => number,
): TapToSettle[] {
  const taps: TapToSettle[] = [];
  const firstMs = Date.parse(`${serviceDate}T06:00:00+08:00`);
  const pick = (kind: string): Placed => {
    const fitting = placed.filter(({ terminal }) => terminal.tapKind === kind);
    const found = fitting[Math.floor(random() * fitting.length)];
    if (found === undefined) throw new RangeError('the network has such a terminal');
    return found;
  };
  const add = (at: Placed, atMs: number): void => {
    const { operator, line, terminal } = at;
    taps.push({
      ...{
        panToken: token,
        psn: 1,
        atc: taps.length + 1,
        tapSequence: firstSequence + taps.length + 1,
        serviceDate,
        tappedAtMs: atMs,
      },
      ...{ terminalId: terminal.terminalId, stationId: terminal.stationId, tapKind: terminal.tapKind },
      ...{ operatorId: operator.operatorId, lineId: line.lineId, rail: line.rail, bankId: 'BANK' },
      amountFen: fen(line.rail === 'oda' ? 0 : (line.amountFen ?? 1_250)),
      // One tap in a hundred is a debt: the card was listed, and its rider has travelled.
      ...(random() < 0.01 ? { outcome: 'debt', cause: 'hotlisted' } : { outcome: 'chargeable', cause: null }),
    });
  };
  const stepMs = Math.floor((16 * 3_600_000) / rides);
  for (let ride = 0; ride < rides; ride += 1) {
    const atMs = firstMs + ride * stepMs + Math.floor(random() * 0.3 * stepMs);
    if (random() < 0.5) add(pick('single'), atMs);
    else {
      add(pick('entry'), atMs);
      if (random() < 0.98) add(pick('exit'), atMs + Math.floor((0.1 + random() * 0.4) * stepMs));
    }
  }
  return taps;
}

function settlingRules(
  operators: readonly OperatorData[],
  placed: readonly Placed[],
  rules: { readonly ruleBook: RuleBook; readonly calendar: DayTypeCalendar },
): SettlingRules {
  const lines = new Map(placed.map(({ line }) => [line.lineId, line]));
  const stations = new Map(
    [...lines.values()].flatMap(({ lineId, stations: own }) =>
      own.map(({ stationId, metres }) => [stationId, { lineId, metres }] as const),
    ),
  );
  const byId = new Map(operators.map((operator) => [operator.operatorId, operator]));
  return {
    ...rules,
    findLine: (lineId) => lines.get(lineId) ?? null,
    findStation: (stationId) => stations.get(stationId) ?? null,
    findOperator: (operatorId) => byId.get(operatorId) ?? null,
  };
}

function networkOf(placed: readonly Placed[], rules: SettlingRules): StoredNetwork {
  const stationOf = new Map<string, string | null>(
    placed.map(({ terminal }) => [terminal.terminalId, terminal.stationId]),
  );
  return {
    findStationOf: (terminalId) => stationOf.get(terminalId) ?? null,
    distanceBetween: (from, to) => {
      const [start, end] = [rules.findStation(from), rules.findStation(to)];
      return start === null || end === null ? null : Math.abs(start.metres - end.metres);
    },
    findJurisdiction: (operatorId) => rules.findOperator(operatorId)?.jurisdiction ?? null,
  };
}
