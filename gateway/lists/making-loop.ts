import type { ListMaker } from './list-maker.ts';

/** Lists of versions that somebody else has published, and of rights that ended with a day, are made within this time. */
const EVERY_MS = 30_000;

/** Makes lists that are due, from now on. A round that fails is reported, and the next one tries again. */
export function startMakingLists(
  maker: ListMaker,
  onFault: (fault: unknown) => void,
): { readonly stop: () => Promise<void> } {
  let round: Promise<void> = Promise.resolve();
  let isIdle = true;
  const make = (): void => {
    if (!isIdle) return;
    isIdle = false;
    round = maker.makeDue(Date.now()).then(
      () => {
        isIdle = true;
      },
      (fault: unknown) => {
        isIdle = true;
        onFault(fault);
      },
    );
  };
  make();
  const timer = setInterval(make, EVERY_MS).unref();
  return {
    stop: () => {
      clearInterval(timer);
      return round;
    },
  };
}
