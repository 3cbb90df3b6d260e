/** A keypress may reach us twice, from the terminal and from npm. */
const SAME_KEYPRESS_MS = 1_000;

export type Over = {
  readonly ended: Promise<void>;
  readonly signal: AbortSignal;
  readonly isOver: () => boolean;
  readonly end: () => void;
};

/** Over with the first signal, or when told so. A second signal that is meant ends the process at once. */
export function overOnSignal(): Over {
  const abort = new AbortController();
  const ended = new Promise<void>((resolve) => {
    abort.signal.addEventListener('abort', () => {
      resolve();
    });
  });
  let endedAt = 0;
  const isOver = (): boolean => abort.signal.aborted;
  const end = (): void => {
    if (!isOver()) endedAt = performance.now();
    abort.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isOver() && performance.now() - endedAt > SAME_KEYPRESS_MS) process.exit(1);
      end();
    });
  }
  return { ended, signal: abort.signal, isOver, end };
}
