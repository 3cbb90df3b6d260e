import { bcdFromDigits, bcdFromNumber } from '@tapgate/sdk/emv/bcd';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { writeCanonicalObject } from '@tapgate/sdk/tap-record/canonical-tlv';
import type { IsoDate } from '@tapgate/sdk/wire/identifiers';
import type { Fen } from '@tapgate/sdk/wire/money';
import type { TerminalProfile } from './terminal-profile.ts';

/** What is new in every tap. */
export type TapParameters = {
  /** 9F02: the probe amount or the fare, as the profile says */
  readonly amountFen: Fen;
  /** the terminal's local date, 9A */
  readonly localDate: IsoDate;
  /** the terminal's local time HHMMSS, 9F21 */
  readonly localTime: string;
  /** 9F37: four bytes that no card can foresee, fresh for every GPO */
  readonly unpredictableNumber: Uint8Array;
};

/** Values by tag, as a card may ask for them in a data object list. */
export type TerminalData = ReadonlyMap<string, Uint8Array>;

/**
 * The terminal's data objects of one tap.
 *
 * @param ttq 9F66 with the bits of this tap
 * @spec pboc-contactless.md 2.4. The TVR at GPO time is zeros: the one in the cryptogram is this one, not the final one.
 * @throws RangeError for an unpredictable number that is not 4 bytes
 */
export function terminalDataOf(profile: TerminalProfile, tap: TapParameters, ttq: Uint8Array): TerminalData {
  if (tap.unpredictableNumber.length !== 4) throw new RangeError('an unpredictable number has 4 bytes');
  return new Map([
    ['9F66', ttq],
    ['9F02', bcdFromNumber(tap.amountFen, 6)],
    ['9F03', bcdFromNumber(0, 6)],
    ['95', new Uint8Array(5)],
    ['9A', bcdFromDigits(tap.localDate.slice(2).replaceAll('-', ''), 3)],
    ['9F21', bcdFromDigits(tap.localTime, 3)],
    ['9F37', tap.unpredictableNumber],
    ['DF69', Uint8Array.of(profile.smSupported ? 1 : 0)],
    ...Object.entries(profile.terminalObjects).map(([tag, value]) => [tag, bytesFromHex(value)] as const),
  ]);
}

/** The objects in the one order that a tap record knows: ascending by their tag bytes. */
export function encodeTerminalData(data: TerminalData): Uint8Array {
  const tags = [...data.keys()].sort();
  return Buffer.concat(
    tags.map((tag) => writeCanonicalObject(Number.parseInt(tag, 16), data.get(tag) ?? new Uint8Array(0))),
  );
}
