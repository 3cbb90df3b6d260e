import { fork, type ChildProcess } from 'node:child_process';
import path from 'node:path';
import { PLAIN, type NodeStart } from '../node-start.ts';

/** A message to a process of the bench and what it answers: each has one handler for each kind of order. */
export type Order = { readonly id: number; readonly kind: string; readonly body: unknown };
type Answer = { readonly id: number; readonly body?: unknown; readonly error?: string };

/** A process of the bench: it does what it is ordered, one order after the other. */
export class Child {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (body: unknown) => void; reject: (error: Error) => void }>();
  #orders = 0;

  /** @param start what Node is started with */
  constructor(file: string, start: NodeStart = PLAIN) {
    this.#process = fork(path.join(import.meta.dirname, file), {
      execArgv: [...start.flags],
      env: { ...process.env, ...start.env },
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.#process.on('message', (message) => {
      const { id, body, error } = message as Answer;
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(body);
      else waiting?.reject(new Error(`${file}: ${error}`));
    });
    this.#process.once('exit', (code) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`${file} ended with ${code ?? 'a signal'}`));
      this.#waiting.clear();
    });
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** @throws Error with what the process said of its failure */
  async ask<Result>(kind: string, body: unknown = {}): Promise<Result> {
    this.#orders += 1;
    const order: Order = { id: this.#orders, kind, body };
    const answer = await new Promise<unknown>((resolve, reject) => {
      this.#waiting.set(order.id, { resolve, reject });
      this.#process.send(order, (error) => {
        if (error !== null) reject(error);
      });
    });
    return answer as Result;
  }

  async end(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    await ended;
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }
}

/** In the process: answers orders. */
export function serveOrders(handlers: Readonly<Record<string, (body: never) => unknown>>): void {
  process.on('message', (message) => {
    const { id, kind, body } = message as Order;
    const handler = handlers[kind];
    const run = (): unknown => {
      if (handler === undefined) throw new RangeError(`no handler for ${kind}`);
      return handler(body as never);
    };
    Promise.resolve()
      .then(run)
      .then(
        (result) => process.send?.({ id, body: result } satisfies Answer),
        (error: unknown) =>
          process.send?.({
            id,
            error: error instanceof Error ? (error.stack ?? error.message) : String(error),
          }),
      );
  });
  process.on('SIGTERM', () => process.exit(0));
}
