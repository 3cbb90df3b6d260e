/** Work that a gateway does beside its taps for as long as it runs. */
export type RestingLoop = {
  /** ends after the step that is under way */
  stop(): Promise<void>;
};

/**
 * Takes one step after the other until it is stopped, and rests where there is nothing to do and after a failure. What goes wrong is
 * reported and tried again: a step is done whole or not at all.
 *
 * @param step one piece of the work, which may ask whether it has become the last. @returns whether there may be more to do at once
 */
export function startRestingLoop(
  step: (isStopped: () => boolean) => Promise<boolean>,
  restMs: number,
  onFault: (fault: unknown) => void,
): RestingLoop {
  let stopped = false;
  let wake = (): void => undefined;
  // stop() may be called while a step runs, which the compiler cannot see.
  const isStopped = (): boolean => stopped;
  const rest = (): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, restMs);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const run = async (): Promise<void> => {
    while (!isStopped()) {
      let isMore = false;
      try {
        isMore = await step(isStopped);
      } catch (fault) {
        onFault(fault);
      }
      if (!isMore && !isStopped()) await rest();
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopped = true;
      wake();
      await running;
    },
  };
}
