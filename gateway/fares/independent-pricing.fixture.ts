import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { CALENDAR_FILE } from '../calendar/load-calendar.ts';
import type { FareResult } from './price-journey.ts';
import type { RandomJourney } from './random-journeys.ts';
import type { RuleSet } from './rule-set.ts';

// A second engine, slow and plain, that reads the rule files as they are written. It shares with the first one the rule schema and
// nothing else: its own clock (Intl text), calendar (the raw file), ages (text), money (BigInt), windows and tables.

type Rule = {
  in_force?: { first_day?: string | undefined; last_day?: string | undefined } | undefined;
  status: 'on' | 'off';
  priority: number;
};
type ScopeOf = Pick<
  RuleSet['list_fares'][number],
  'modes' | 'lines' | 'except_lines' | 'line_kinds' | 'mediums' | 'except_mediums' | 'rails' | 'states'
>;
type Wall = { date: string; time: string };
export type Slow = {
  outcome: string;
  list: number | null;
  fare: number | null;
  concession: string | null;
  transfer: string | null;
};
class Unknown extends Error {}

const file = parse(readFileSync(CALENDAR_FILE, 'utf8')) as {
  years: { year: number; rest: string[]; work: string[] }[];
};
const kinds = new Map<string, string>();
for (const year of file.years) {
  for (const span of year.rest) {
    const [from = '', to = from] = span.split('..');
    for (let ms = Date.parse(from); ms <= Date.parse(to); ms += 86_400_000)
      kinds.set(new Date(ms).toISOString().slice(0, 10), 'rest');
  }
  for (const date of year.work) kinds.set(date, 'work');
}
const years = new Set(file.years.map((y) => String(y.year)));

const formats = new Map<string, Intl.DateTimeFormat>();
const hours = new Map<string, number>();
/** Intl writes the wall clock of each hour once; zones change on whole hours. */
function wallOf(zone: string, ms: number): Wall {
  const hour = Math.floor(ms / 3_600_000) * 3_600_000;
  let offset = hours.get(`${zone}${String(hour)}`);
  if (offset === undefined) {
    const options = { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' } as const;
    const format = formats.get(zone) ?? new Intl.DateTimeFormat('sv-SE', options);
    formats.set(zone, format);
    offset = Date.parse(`${format.format(hour).replace(' ', 'T')}Z`) - hour;
    hours.set(`${zone}${String(hour)}`, offset);
  }
  const text = new Date(ms + offset).toISOString();
  return { date: text.slice(0, 10), time: text.slice(11, 23) };
}

const sunday0 = (date: string): number => new Date(`${date}T00:00:00Z`).getUTCDay();
const isMonToFri = (date: string): boolean => ![0, 6].includes(sunday0(date));

function kindOfDay(date: string): 'rest' | 'work' {
  if (!years.has(date.slice(0, 4))) throw new Unknown(date);
  return (kinds.get(date) ?? (isMonToFri(date) ? 'work' : 'weekend')) === 'work' ? 'work' : 'rest';
}
function isHoliday(date: string): boolean {
  if (!years.has(date.slice(0, 4))) throw new Unknown(date);
  return kinds.get(date) === 'rest';
}

function inTimeframe(set: RuleSet, id: string, ride: RandomJourney['journey']): boolean {
  const frame = set.timeframes.find((t) => t.id === id);
  assert.ok(frame);
  const ms = frame.event === 'entry' ? (ride.entryAtMs ?? ride.exitAtMs) : (ride.exitAtMs ?? ride.entryAtMs);
  assert.ok(ms !== null);
  const { date, time } = wallOf(set.zone, ms);
  if (!frame.windows.some((w) => time >= `${w.slice(0, 5)}:00` && time < `${w.slice(6)}:00`)) return false;
  const day = frame.day ?? {};
  const names = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;
  if (day.calendar_weekday !== undefined && day.calendar_weekday !== isMonToFri(date)) return false;
  if (day.weekdays && !day.weekdays.some((name) => names.indexOf(name) === sunday0(date))) return false;
  if (day.dates && !day.dates.includes(date)) return false;
  if (day.statutory_working_day !== undefined && day.statutory_working_day !== (kindOfDay(date) === 'work'))
    return false;
  return day.public_holiday === undefined || day.public_holiday === isHoliday(date);
}

/** a x p / 1000 by the set's rounding, in exact integers. */
function share(set: RuleSet, amount: number, permille: number, divisor = 1000): number {
  const product = BigInt(amount) * BigInt(permille);
  const d = BigInt(divisor);
  const down = product / d;
  const rest = product % d;
  if (set.rounding.mode === 'floor') return Number(down);
  if (set.rounding.mode === 'ceil') return Number(rest > 0n ? down + 1n : down);
  return Number(rest * 2n >= d ? down + 1n : down);
}

function tableFare(
  bands: {
    over_km: number;
    up_to_km?: number | undefined;
    fen?: number | undefined;
    every_km?: number | undefined;
    add_fen?: number | undefined;
  }[],
  metres: number,
): number | null {
  let atStart = 0;
  for (const b of bands) {
    const over = Math.round(b.over_km * 1000);
    const upTo = b.up_to_km === undefined ? Infinity : Math.round(b.up_to_km * 1000);
    const fareAt = (m: number): number => {
      if (b.fen !== undefined) return b.fen;
      let fare = atStart;
      for (let reached = over; reached < m; reached += Math.round((b.every_km ?? 0) * 1000))
        fare += b.add_fen ?? 0;
      return fare;
    };
    if (metres <= upTo) return fareAt(metres);
    atStart = fareAt(upTo);
  }
  return null;
}

/** Prices a ride from the written rule sets; `held` where nothing in force, no list fare or no day type can say. */
export function slowPrice(sets: readonly RuleSet[], { journey: j, holder, history }: RandomJourney): Slow {
  const none: Slow = { outcome: 'held', list: null, fare: null, concession: null, transfer: null };
  const set = sets.find((s) => {
    const ms = s.pricing_event === 'exit' ? (j.exitAtMs ?? j.entryAtMs) : (j.entryAtMs ?? j.exitAtMs);
    return (
      s.status === 'in_force' &&
      s.jurisdiction === j.jurisdiction &&
      s.scope.modes.includes(j.mode) &&
      (!s.scope.operators || s.scope.operators.includes(j.operatorId)) &&
      (!s.scope.lines || s.scope.lines.includes(j.lineId)) &&
      ms !== null &&
      ms >= Date.parse(s.effective.from) &&
      (s.effective.to === null || ms < Date.parse(s.effective.to))
    );
  });
  if (!set) return none;
  const atMs = set.pricing_event === 'exit' ? (j.exitAtMs ?? j.entryAtMs) : (j.entryAtMs ?? j.exitAtMs);
  assert.ok(atMs !== null);
  const today = wallOf(set.zone, atMs).date;

  const covers = (r: ScopeOf): boolean =>
    r.modes.includes(j.mode) &&
    (!r.lines || r.lines.includes(j.lineId)) &&
    !r.except_lines?.includes(j.lineId) &&
    (!r.line_kinds || (j.lineKind !== null && r.line_kinds.includes(j.lineKind))) &&
    (!r.mediums || (j.medium !== null && r.mediums.includes(j.medium))) &&
    !(j.medium !== null && r.except_mediums?.includes(j.medium)) &&
    (!r.rails || r.rails.includes(j.rail)) &&
    (!r.states || r.states.includes(j.state));
  const holds = (r: Rule): boolean =>
    r.status === 'on' &&
    (r.in_force?.first_day === undefined || today >= r.in_force.first_day) &&
    (r.in_force?.last_day === undefined || today <= r.in_force.last_day);
  const applicable = <R extends Rule & ScopeOf>(rules: readonly R[]): R[] =>
    rules.filter((r) => holds(r) && covers(r)).sort((a, b) => b.priority - a.priority);
  const inHours = (r: { inside?: string | undefined; outside?: string | undefined }): boolean =>
    (r.inside === undefined || inTimeframe(set, r.inside, j)) &&
    (r.outside === undefined || !inTimeframe(set, r.outside, j));
  const ageReached = (y: number): boolean | null => {
    const birth = holder.person.birthDate;
    if (birth === null) return null;
    const full =
      Number(today.slice(0, 4)) - Number(birth.slice(0, 4)) - (today.slice(5) < birth.slice(5) ? 1 : 0);
    return full >= y;
  };
  const qualifies = (id: string): boolean => {
    const category = set.rider_categories.find((c) => c.id === id);
    assert.ok(category);
    const p = holder.person;
    return [category.eligibility]
      .flat()
      .some(
        (e) =>
          (e.age_from === undefined || ageReached(e.age_from) === true) &&
          (e.age_below === undefined || ageReached(e.age_below) === false) &&
          (!e.residence || e.residence.some((r) => r === p.residence)) &&
          (!e.school || e.school.some((s) => s === p.school)) &&
          (!e.status || e.status.some((s) => p.statuses.includes(s))) &&
          (e.height_from_mm === undefined || (p.heightMm ?? -1) >= e.height_from_mm) &&
          (e.height_below_mm === undefined || (p.heightMm ?? Infinity) < e.height_below_mm),
      );
  };
  const proves = (id: string): boolean => {
    const evidence = set.rider_categories.find((c) => c.id === id)?.evidence;
    return (
      evidence === 'not_needed' ||
      holder.enrolments.some(
        (e) =>
          e.category === id &&
          evidence?.includes(e.evidenceKind) &&
          atMs >= e.validFromMs &&
          atMs < (e.validToMs ?? Infinity) &&
          atMs < (e.reviewDueMs ?? Infinity) &&
          atMs < (e.revokedAtMs ?? Infinity),
      )
    );
  };
  const labelOf = (w: { kind: string; starts_at?: string | undefined }, category?: string): string => {
    const { date, time } = wallOf(set.zone, atMs);
    const shift = (d: string, n: number): string =>
      new Date(Date.parse(d) + n * 86_400_000).toISOString().slice(0, 10);
    const day = w.starts_at !== undefined && time < `${w.starts_at}:00` ? shift(date, -1) : date;
    if (w.kind === 'day') return day;
    if (w.kind === 'calendar_month') return day.slice(0, 7);
    if (w.kind === 'iso_week') return `week of ${shift(day, -((sunday0(day) + 6) % 7))}`;
    const first = holder.enrolments.find((e) => e.category === category);
    return `year from ${first ? wallOf(set.zone, first.validFromMs).date : '1970-01-01'}`;
  };
  const before = (id: string, label: string) =>
    history.totals.get(`${id}@${label}`) ?? { rides: 0, paidFen: 0 };
  const after = (
    amount: number,
    e: RuleSet['medium_discounts'][number]['effect'] | 'none',
  ): number | null => {
    if (e === 'free') return 0;
    if (e === 'none') return amount;
    if ('permille' in e) return share(set, amount, e.permille);
    if ('minus_fen' in e) return Math.max(0, amount - e.minus_fen);
    if ('fixed_fen' in e) return Math.min(amount, e.fixed_fen);
    return j.distanceMetres === null ? null : tableFare(e.bands, j.distanceMetres);
  };

  try {
    // list fare
    const same = j.entryStationId !== null && j.entryStationId === j.exitStationId;
    let list: number | null = null;
    for (const r of applicable(
      set.list_fares.map((f) => ({
        ...f,
        states: f.states ?? (['single', 'complete', 'over_long'] as const).slice(),
      })),
    )) {
      if (r.same_station !== undefined && r.same_station !== same) continue;
      if (r.kind === 'flat') list = r.fen;
      else if (r.kind === 'stated') list = j.statedListFareFen;
      else if (r.kind === 'as_tapped') list = j.tappedAmountFen;
      else if (r.kind === 'bands')
        list = j.distanceMetres === null ? null : tableFare(r.bands, j.distanceMetres);
      else
        list =
          r.fen[r.stations.indexOf(j.entryStationId ?? '')]?.[r.stations.indexOf(j.exitStationId ?? '')] ??
          null;
      if (list !== null) break;
    }
    // concession
    const offers: { id: string; fare: number; priority: number }[] = [];
    let refused = false;
    for (const r of applicable(set.concessions)) {
      if (!qualifies(r.category) || !proves(r.category)) continue;
      if (r.list_fare_over_fen !== undefined && !(list !== null && list > r.list_fare_over_fen)) continue;
      if (r.list_fare_up_to_fen !== undefined && !(list !== null && list <= r.list_fare_up_to_fen)) continue;
      if (!inHours(r)) continue;
      if (r.quota && before(r.id, labelOf(r.quota.window, r.category)).rides >= r.quota.uses) continue;
      if (r.effect === 'refuse') {
        refused = true;
        continue;
      }
      const absolute = r.effect === 'free' || (typeof r.effect === 'object' && 'bands' in r.effect);
      if (list === null && !absolute) continue;
      const fare = after(list ?? 0, r.effect);
      if (fare !== null && (list === null || fare <= list))
        offers.push({ id: r.id, fare, priority: r.priority });
    }
    offers.sort((a, b) => a.fare - b.fare || b.priority - a.priority);
    const best = offers[0];
    const lowers = best !== undefined && (list === null || best.fare < list);
    if (!lowers && refused) return { ...none, outcome: 'refused' };
    if (list === null) return { ...none, fare: best?.fare ?? null };
    let amount = best?.fare ?? list;
    // medium
    for (const r of applicable(set.medium_discounts)) {
      if ((lowers && !r.with_concession) || !inHours(r)) continue;
      amount = after(amount, r.effect) ?? amount;
      break;
    }
    // accumulator
    const accumulator = applicable(set.accumulators).find((r) => !lowers || r.with_concession);
    if (accumulator) {
      const total = before(accumulator.id, labelOf(accumulator.window));
      const reached = accumulator.measure === 'rides' ? total.rides : total.paidFen;
      const tiers = accumulator.tiers;
      const tierAt = (sum: number): number => tiers.filter((t) => t.from <= sum).length - 1;
      if (accumulator.crossing === 'whole_ride_before')
        amount = share(set, amount, tiers[tierAt(reached)]?.permille ?? 1000);
      else {
        // a thousandth of a fen at a time would be exact; here the same by fractions over 1e6
        let left = amount;
        let paid = reached;
        let charge = 0;
        for (let i = tierAt(reached); left > 1e-12; i += 1) {
          const rate = (tiers[i]?.permille ?? 1000) / 1000;
          const next = tiers[i + 1]?.from ?? Infinity;
          const part = rate === 0 ? left : Math.min(left, (next - paid) / rate);
          charge += part * rate;
          paid += part * rate;
          left -= part;
        }
        amount = share(set, Math.round(charge * 1e6), 1, 1_000_000);
      }
    }
    // transfer
    let transfer: string | null = null;
    const p = history.previous;
    if (p) {
      for (const r of applicable(set.transfers)) {
        const start = r.clock.start === 'entry' ? p.entryAtMs : p.exitAtMs;
        const end = r.clock.end === 'entry' ? j.entryAtMs : j.exitAtMs;
        if (start === null || end === null || !r.from.modes.includes(p.mode)) continue;
        if (r.from.mediums && !(p.medium !== null && r.from.mediums.includes(p.medium))) continue;
        const minutes = (end - start) / 60_000;
        if (
          minutes < r.min_minutes ||
          minutes > r.max_minutes ||
          (minutes === r.max_minutes && !r.max_inclusive)
        )
          continue;
        if (r.max_uses !== undefined && p.transfersInChain >= r.max_uses) continue;
        if (r.same_line !== undefined && r.same_line !== (p.lineId === j.lineId)) continue;
        if (
          r.same_station !== undefined &&
          r.same_station !== (p.exitStationId !== null && p.exitStationId === j.entryStationId)
        )
          continue;
        if (
          r.first_boarding_within_minutes !== undefined &&
          !(
            j.entryAtMs !== null &&
            j.entryAtMs - p.firstBoardingAtMs <= r.first_boarding_within_minutes * 60_000
          )
        )
          continue;
        if ((r.concession === 'with' && !lowers) || (r.concession === 'without' && lowers)) continue;
        amount = after(amount, r.effect) ?? amount;
        transfer = r.id;
        break;
      }
    }
    // surcharge
    if (j.entryAtMs !== null && j.exitAtMs !== null) {
      const inside = (j.exitAtMs - j.entryAtMs) / 60_000;
      const r = applicable(set.surcharges).find((x) => inside > x.inside_over_minutes);
      if (r) amount += r.effect === 'list_fare_again' ? list : r.effect.add_fen;
    }
    // caps
    for (const r of applicable(set.caps))
      amount = Math.min(amount, Math.max(0, r.cap_fen - before(r.id, labelOf(r.window)).paidFen));
    const fare = share(set, amount, 1, set.rounding.unit_fen) * set.rounding.unit_fen;
    return { outcome: 'priced', list, fare, concession: best?.id ?? null, transfer };
  } catch (error) {
    if (error instanceof Unknown) return none;
    throw error;
  }
}

/** What both engines are compared by. */
export function summary(result: FareResult): Slow {
  switch (result.outcome) {
    case 'priced':
      return {
        outcome: 'priced',
        list: result.listFareFen,
        fare: result.fareFen,
        concession: result.concession?.ruleId ?? null,
        transfer: result.transferRuleId,
      };
    case 'held':
      return { outcome: 'held', list: null, fare: result.riderFareFen, concession: null, transfer: null };
    case 'refused':
      return { outcome: 'refused', list: null, fare: null, concession: null, transfer: null };
  }
}
