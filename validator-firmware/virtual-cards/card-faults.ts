import { sm3 } from '@tapgate/sdk/gm/sm3';

/** What is wrong with a virtual card or with its holder's hand. Nothing, unless switched on. Commands count from 1 in each tap. */
export type CardFaults = {
  /** the card leaves the field instead of answering this command */
  readonly tornAtCommand?: number;
  /** the answer to this command lacks its last data byte, while the lengths inside still promise it */
  readonly wrongLengthAtCommand?: number;
  /** the answer to this command is noise, drawn from the seed */
  readonly garbageAtCommand?: number;
  /** something that is no working card: the field wakes nothing in it */
  readonly mute?: boolean;
  /** each answer takes so long, ms; kept by the channel */
  readonly slowMs?: number;
  /** the dynamic signature is made by another key than the one that is certified: a copied card */
  readonly forged?: boolean;
  /** GPO is answered with what was answered the first time: a recording of a genuine tap */
  readonly replaying?: boolean;
  /** the application cryptogram is not made with the issuer's key */
  readonly wrongCryptogram?: boolean;
  /** the MAC in the issuer discretionary data is not made with the card's key */
  readonly wrongDiscretionaryMac?: boolean;
};

export const NO_FAULTS: CardFaults = {};

/** The answer as the faults of the hand and the contact let it through; null when the card is gone. */
export function spoiledAnswer(
  answer: Uint8Array,
  command: number,
  faults: CardFaults,
  seed: string,
): Uint8Array | null {
  if (faults.tornAtCommand !== undefined && command >= faults.tornAtCommand) return null;
  if (faults.garbageAtCommand === command) return noise(seed, command);
  if (faults.wrongLengthAtCommand === command && answer.length > 2)
    return Buffer.concat([answer.subarray(0, answer.length - 3), answer.subarray(answer.length - 2)]);
  return answer;
}

/** 0 to 63 bytes. */
function noise(seed: string, command: number): Uint8Array {
  const digest = sm3(Buffer.from(`${seed}|garbage|${command}`, 'utf8'));
  return Buffer.concat([digest, sm3(digest)]).subarray(0, (digest[0] ?? 0) & 0x3f);
}
