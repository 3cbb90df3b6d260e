import type { Pan } from '../emv/card-identity.ts';
import { hex } from '../emv/hex.ts';
import { HmacSm3Key } from '../gm/sm3.ts';

/** The name of a card on a list that goes to terminals: 32 upper-case hex digits. */
export type HotlistKey = string & { readonly __id: 'hotlistKey' };

const KEY_BYTES = 16;

/**
 * Names a card for a hotlist: HMAC-SM3 under the list's own key over the digits of PAN and PAN sequence number, leftmost 16
 * bytes. The key comes with the list and changes with it, so that a list that gets lost names nobody in the gateway's books;
 * the gateway's token key never leaves it.
 *
 * @param listKey 32 bytes; or made ready, by who names card after card
 */
export function hotlistKey(
  listKey: Uint8Array | HmacSm3Key,
  card: { readonly pan: Pan; readonly panSequenceNumber: string },
): HotlistKey {
  const text = card.pan.reveal() + card.panSequenceNumber;
  const digits = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index++) digits[index] = text.charCodeAt(index);
  const key = listKey instanceof HmacSm3Key ? listKey : new HmacSm3Key(listKey);
  return hex(key.tag(digits).subarray(0, KEY_BYTES)) as HotlistKey;
}
