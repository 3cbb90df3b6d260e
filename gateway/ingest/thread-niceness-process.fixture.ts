import { readdirSync, readFileSync } from 'node:fs';
import { Sm2Workers } from './sm2-workers.ts';

// Prints the niceness of the first thread of this process and the highest of all once its signature threads have worked; on Linux.

const nicenessOf = (threadId: string): number => {
  const [, fields = ''] = readFileSync(`/proc/self/task/${threadId}/stat`, 'latin1').split(') ');
  return Number(fields.split(' ')[16]);
};

const workers = new Sm2Workers(1);
await workers.check(
  [{ publicKeyXy: new Uint8Array(64), message: new Uint8Array(1), signatureRs: new Uint8Array(64) }],
  'after',
);
const all = readdirSync('/proc/self/task').map(nicenessOf);
process.stdout.write(JSON.stringify([nicenessOf(String(process.pid)), Math.max(...all)]));
await workers.stop();
