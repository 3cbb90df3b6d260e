import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { type Fen, fen } from '@tapgate/sdk/wire/money';

/** One application that the terminal takes by contact, with the parameters of its AID record; bytes are upper-case hex. */
export type ContactApplicationParameters = {
  readonly aid: string;
  readonly partialSelection: boolean;
  /** 9F1B in fen: from it on, a transaction goes online */
  readonly floorLimitFen: Fen;
  /** DF11, DF12, DF13: terminal action codes default, online, denial */
  readonly actionCodes: { readonly default: string; readonly online: string; readonly denial: string };
  /** DF15, DF17, DF16: below the threshold the target percentage goes online, rising to the maximum at the floor limit */
  readonly randomSelection: {
    readonly thresholdFen: Fen;
    readonly targetPercent: number;
    readonly maxPercent: number;
  };
  /** DF14 */
  readonly defaultDdol: string;
  /** 9F09 */
  readonly applicationVersion: string;
};

/** How a counter treats contact cards. */
export type ContactProfile = {
  readonly name: string;
  readonly applications: readonly ContactApplicationParameters[];
  readonly canGoOnline: boolean;
  readonly verificationMethods: readonly ('online_pin' | 'signature' | 'no_cvm')[];
  readonly supportsCda: boolean;
  /** further objects by tag: 9F1A, 5F2A, 9C, 9F33, 9F35, 9F40 */
  readonly terminalObjects: Readonly<Record<string, string>>;
};

/** A clinic's counter: attended, can go online, no PIN pad. */
export const CLINIC_COUNTER_PROFILE: ContactProfile = {
  name: 'clinic-counter',
  applications: ['A000000333010101', 'A000000333010102', 'A000000333010103'].map((aid) => ({
    aid,
    partialSelection: true,
    floorLimitFen: fen(20_000),
    actionCodes: { default: 'D84000A800', online: 'D84004F800', denial: '0010000000' },
    randomSelection: { thresholdFen: fen(5_000), targetPercent: 0, maxPercent: 0 },
    defaultDdol: '9F3704',
    applicationVersion: '0030',
  })),
  canGoOnline: true,
  verificationMethods: ['signature', 'no_cvm'],
  supportsCda: true,
  terminalObjects: {
    '9F1A': '0156',
    '5F2A': '0156',
    '9C': '00',
    '9F33': '2028C8',
    '9F35': '22',
    '9F40': '6000F0A001',
    '9F39': '05',
  },
};

/** The AID of a profile's application that a DF name belongs to; undefined when none does. */
export function applicationOfName(
  profile: ContactProfile,
  dfName: Uint8Array,
): ContactApplicationParameters | undefined {
  return profile.applications.find(({ aid, partialSelection }) => {
    const name = bytesFromHex(aid);
    const begins = Buffer.compare(dfName.subarray(0, name.length), name) === 0;
    return begins && (partialSelection || dfName.length === name.length);
  });
}
