import { bcdFromDigits, bcdFromNumber } from '@tapgate/sdk/emv/bcd';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import type { TapParameters } from '../terminal-data.ts';
import type { ContactApplicationParameters, ContactProfile } from './contact-profile.ts';
import type { VerificationResults } from './verification-results.ts';

/**
 * The terminal's data objects of one contact transaction. 95 and 9B are the results themselves, not copies: what a list asks for
 * is what has been found by then.
 */
export function contactTerminalData(
  profile: ContactProfile,
  parameters: ContactApplicationParameters,
  tap: TapParameters,
  results: VerificationResults,
): Map<string, Uint8Array> {
  const floorLimit = Buffer.alloc(4);
  floorLimit.writeUInt32BE(parameters.floorLimitFen);
  return new Map([
    ['9F02', bcdFromNumber(tap.amountFen, 6)],
    ['9F03', bcdFromNumber(0, 6)],
    ['9A', bcdFromDigits(tap.localDate.slice(2).replaceAll('-', ''), 3)],
    ['9F21', bcdFromDigits(tap.localTime, 3)],
    ['9F37', tap.unpredictableNumber],
    ['9F1B', floorLimit],
    ['9F09', bytesFromHex(parameters.applicationVersion)],
    ['95', results.tvr],
    ['9B', results.tsi],
    ...Object.entries(profile.terminalObjects).map(([tag, value]) => [tag, bytesFromHex(value)] as const),
  ]);
}
