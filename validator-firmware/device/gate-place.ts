import { fen } from '@tapgate/sdk/wire/money';
import { ODA_PROFILE, OFFLINE_PURCHASE_PROFILE } from '../kernel/standard-profiles.ts';
import type { TerminalProfile } from '../kernel/terminal-profile.ts';
import type { DeviceIdentity } from '../sync/device-identity.ts';
import type { ValidatorSettings } from '../validator.ts';
import { utcOffsetMinutesOf } from './terminal-zone.ts';

export type GatePlace = {
  readonly terminal: Omit<ValidatorSettings['terminal'], 'ruleSetVersion'>;
  readonly profile: TerminalProfile;
};

/**
 * What a gate is at the place that its enrolment named. The clock of the place is read once: China has one all year round, and a
 * region that moves its clocks starts its gates anew that night.
 *
 * @returns null for a place that is no gate's: a till, where an amount is keyed in for each tap, or a rail that asks an issuer
 */
export function gatePlaceOf(identity: DeviceIdentity, nowMs: number): GatePlace | null {
  const { terminalId, lineId, stationId, tapKind, rail, macKey, amountFen, zone } = identity;
  if (rail === 'online' || (rail === 'offline_purchase' && amountFen === null)) return null;
  return {
    terminal: {
      ...{ terminalId, lineId, stationId, tapKind, rail, macKey },
      utcOffsetMinutes: utcOffsetMinutesOf(zone, nowMs),
      fareFen: rail === 'oda' || amountFen === null ? null : fen(amountFen),
    },
    profile: rail === 'oda' ? ODA_PROFILE : OFFLINE_PURCHASE_PROFILE,
  };
}
