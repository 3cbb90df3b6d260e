import { spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface } from 'node:readline';

/** Where a gate is killed: each is one step of a tap's way from the journal to the gateway and out of the journal again. */
export const KILL_STEPS = [
  'before a tap is written',
  'while a tap is written',
  'after a tap is written, before the barrier opens',
  'while a live tap is under way',
  'after a live answer, before it is noted',
  'half way through a bulk upload',
  'while a bulk upload is under way',
  'after a bulk answer, before it is noted',
  'while taps are forgotten',
] as const;
export type KillStep = (typeof KILL_STEPS)[number];

export type KillOrder = {
  /** null: nobody is killed */
  readonly step: KillStep | null;
  /** which time that the step is reached, from 1 */
  readonly occurrence: number;
  /** how long a request is let go on before the blow, ms */
  readonly waitMs: number;
  /** no tap reaches the gateway before the last rider has gone */
  readonly isTunnel: boolean;
  readonly directory: string;
  readonly baseUrl: string;
  readonly cards: readonly { readonly seed: string; readonly pan: string }[];
  /** hexadecimal where they are bytes */
  readonly issuer: {
    readonly caKeyIndex: number;
    readonly issuerCertificate: string;
    readonly privateKey: string;
    readonly publicKeyXy: string;
    readonly imkAc: string;
    readonly imkMac: string;
  };
};

export type LifeLine = Readonly<Record<string, unknown>> & { readonly event: string };
export type Life = {
  readonly lines: readonly LifeLine[];
  readonly signal: NodeJS.Signals | null;
  readonly said: string;
};

const ROOT = path.join(import.meta.dirname, '..', '..');
const PROCESS = path.join(import.meta.dirname, 'killed-validator-process.fixture.ts');

/** Lives one life of a gate. */
export async function liveOnce(order: KillOrder): Promise<Life> {
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=2', '--no-parallel-scavenge', '--import', 'tsx', PROCESS],
    {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, KILL_ORDER: JSON.stringify(order), NODE_TEST_CONTEXT: undefined },
    },
  );
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said = `${said}${bytes.toString()}`.slice(-2_000)));
  const exited = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once('exit', (_code, signal) => {
      resolve(signal);
    });
  });
  const lines: LifeLine[] = [];
  for await (const line of createInterface({ input: child.stdout })) lines.push(JSON.parse(line) as LifeLine);
  return { lines, signal: await exited, said };
}
