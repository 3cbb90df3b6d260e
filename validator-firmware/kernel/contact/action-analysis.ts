import type { CryptogramType } from '@tapgate/sdk/emv/iad';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import type { DataObjects } from '@tapgate/sdk/tap-record/card-exchange';
import type { ContactApplicationParameters } from './contact-profile.ts';
import { haveCommonBit } from './verification-results.ts';

const NONE = new Uint8Array(5);
const ALL = new Uint8Array(5).fill(0xff);

export type ActionCodes = {
  readonly denial: Uint8Array;
  readonly online: Uint8Array;
  readonly default: Uint8Array;
};

/** The issuer's action codes (9F0E, 9F0F, 9F0D); of a card without them denial is never, online and default are always. */
export function issuerActionCodes(card: DataObjects): ActionCodes {
  return {
    denial: fiveBytes(card.get('9F0E')) ?? NONE,
    online: fiveBytes(card.get('9F0F')) ?? ALL,
    default: fiveBytes(card.get('9F0D')) ?? ALL,
  };
}

export function terminalActionCodes(
  parameters: Pick<ContactApplicationParameters, 'actionCodes'>,
): ActionCodes {
  const { denial, online, default: standard } = parameters.actionCodes;
  return { denial: bytesFromHex(denial), online: bytesFromHex(online), default: bytesFromHex(standard) };
}

function fiveBytes(value: Uint8Array | undefined): Uint8Array | null {
  return value?.length === 5 ? value : null;
}

/**
 * Decides what the terminal asks the card for: AAC where either side denies, ARQC where either wants its issuer asked and the
 * terminal can, TC otherwise. A terminal that cannot go online judges by the default codes instead.
 *
 * @spec EMV Book 3 section 10.7 (general knowledge)
 */
export function analyseAction(
  tvr: Uint8Array,
  codes: { readonly issuer: ActionCodes; readonly terminal: ActionCodes },
  canGoOnline: boolean,
): CryptogramType {
  const { issuer, terminal } = codes;
  const asks = (which: keyof ActionCodes) =>
    haveCommonBit(tvr, issuer[which]) || haveCommonBit(tvr, terminal[which]);
  if (asks('denial')) return 'AAC';
  if (canGoOnline) return asks('online') ? 'ARQC' : 'TC';
  return asks('default') ? 'AAC' : 'TC';
}

/** After an ARQC that could not be answered: the default codes decide whether to ask for a TC all the same. */
export function analyseUnableToGoOnline(
  tvr: Uint8Array,
  codes: { readonly issuer: ActionCodes; readonly terminal: ActionCodes },
): CryptogramType {
  const { issuer, terminal } = codes;
  return haveCommonBit(tvr, issuer.default) || haveCommonBit(tvr, terminal.default) ? 'AAC' : 'TC';
}
