import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import path from 'node:path';
import { parentPort } from 'node:worker_threads';
import { importSm2PublicKey, type Sm2PublicKey } from '@tapgate/sdk/gm/sm2';
import { hex } from '@tapgate/sdk/emv/hex';
import { holdsSm2Claim } from '@tapgate/sdk/emv/sm2-claim';
import { unpackClaims } from './packed-claims.ts';

/** Checks claims on a thread of its own: one message in, one message out, in order. */
export type ClaimsMessage = { readonly batch: number; readonly packed: Uint8Array };
export type AnswersMessage = { readonly batch: number; readonly held: readonly boolean[] };

/**
 * Issuers' keys come again and again; a card's comes back half an hour later at the soonest. Importing costs OpenSSL 3.0 almost half
 * of a verification, so the keys that come again must stay: of a small memory the one that was not asked for longest goes.
 */
const KEYS_MAX = 256;
const keys = new Map<string, Sm2PublicKey | null>();

function keyOf(publicKeyXy: Uint8Array): Sm2PublicKey | null {
  const name = hex(publicKeyXy);
  const found = keys.get(name);
  if (found !== undefined) {
    keys.delete(name);
    keys.set(name, found);
    return found;
  }
  const imported = importSm2PublicKey(publicKeyXy);
  if (keys.size >= KEYS_MAX) {
    const [oldest] = keys.keys();
    if (oldest !== undefined) keys.delete(oldest);
  }
  keys.set(name, imported);
  return imported;
}

/** Below the other threads of this process, on a scale from 0, normal, to 19, which runs only when nothing else does. */
const YIELDING_BY = 5;
const LOWEST = 19;

/**
 * Where cores are few, checking signatures must not keep the thread that reads requests, or the database, from theirs: taps
 * would be refused for want of somebody to take them in. On Linux a thread has a priority of its own, and this link its number. It is set
 * beside that of the process: one that was started with `nice` would else have its signature threads go before itself.
 */
function yieldToOthers(): void {
  if (process.platform !== 'linux') return;
  const threadId = Number(path.basename(readlinkSync('/proc/thread-self')));
  if (threadId > 0 && threadId !== process.pid)
    setPriority(threadId, Math.min(getPriority(process.pid) + YIELDING_BY, LOWEST));
}

yieldToOthers();

parentPort?.on('message', ({ batch, packed }: ClaimsMessage) => {
  const held = unpackClaims(packed).map((claim) => {
    const key = keyOf(claim.publicKeyXy);
    return key !== null && holdsSm2Claim(claim, key);
  });
  const answer: AnswersMessage = { batch, held };
  parentPort?.postMessage(answer);
});
