import type { FaresFeed, LegRule, Service } from './fares-feed.ts';

/** One leg, or several joined ones, as fare rules see it. Times are wall times "YYYY-MM-DDTHH:MM:SS" of the stop's zone. */
export type Leg = {
  readonly networkId: string | null;
  readonly fromAreaIds: readonly string[];
  readonly toAreaIds: readonly string[];
  readonly fromStopId: string | null;
  readonly toStopId: string | null;
  readonly startLocal: string;
  readonly endLocal: string;
};

/**
 * Finds the leg rules that hold for a leg (reference.md of GTFS, fare_leg_rules; fares note 4.2). Without the column rule_priority an
 * empty network or area means every value that the column does not list; with it, an empty field is ignored and of the rules that
 * match only those of highest priority stay. An empty timeframe is ignored in both.
 *
 * @returns nothing when no rule holds: then the fare is unknown, never zero
 * NOTE: an empty area holds for a stop in no area, and for a stop of which at least one area is not listed.
 */
export function matchLeg(feed: FaresFeed, leg: Leg): LegRule[] {
  const listed = {
    networks: new Set(feed.legRules.map((r) => r.networkId).filter((id) => id !== '')),
    from: new Set(feed.legRules.map((r) => r.fromAreaId).filter((id) => id !== '')),
    to: new Set(feed.legRules.map((r) => r.toAreaId).filter((id) => id !== '')),
  };
  const holds = (value: string, of: readonly string[], known: ReadonlySet<string>): boolean => {
    if (value !== '') return of.includes(value);
    return feed.hasPriorities || of.length === 0 || of.some((id) => !known.has(id));
  };
  const networks = leg.networkId === null ? [] : [leg.networkId];
  const matching = feed.legRules.filter(
    (rule) =>
      holds(rule.networkId, networks, listed.networks) &&
      holds(rule.fromAreaId, leg.fromAreaIds, listed.from) &&
      holds(rule.toAreaId, leg.toAreaIds, listed.to) &&
      isInGroup(feed, rule.fromTimeframeGroupId, leg.startLocal) &&
      isInGroup(feed, rule.toTimeframeGroupId, leg.endLocal),
  );
  if (!feed.hasPriorities) return matching;
  const highest = Math.max(...matching.map((rule) => rule.priority));
  return matching.filter((rule) => rule.priority === highest);
}

/** Evaluated on the calendar day of the event, not on the service day. */
function isInGroup(feed: FaresFeed, groupId: string, local: string): boolean {
  if (groupId === '') return true;
  const date = local.slice(0, 10).replaceAll('-', '');
  const seconds =
    Number(local.slice(11, 13)) * 3600 + Number(local.slice(14, 16)) * 60 + Number(local.slice(17, 19));
  return feed.timeframes.some((t) => {
    const service = feed.services.get(t.serviceId);
    return (
      t.groupId === groupId &&
      seconds >= t.startSeconds &&
      seconds < t.endSeconds &&
      service !== undefined &&
      isActive(service, date)
    );
  });
}

function isActive(service: Service, date: string): boolean {
  if (service.removed.has(date)) return false;
  if (service.added.has(date)) return true;
  if (service.startDate === '' || date < service.startDate || date > service.endDate) return false;
  const iso = `${date.slice(0, 4)}-${date.slice(4, 6)}-${date.slice(6)}T00:00:00Z`;
  return service.weekdays[(new Date(iso).getUTCDay() + 6) % 7] ?? false;
}
