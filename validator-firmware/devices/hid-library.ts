import { createRequire } from 'node:module';

/** What is used of an open board. */
export interface HidBoard {
  write(report: Buffer): Promise<number>;
  on(event: 'data', listener: (report: Uint8Array) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
  close(): Promise<void>;
}

/** What is used of `node-hid`; a test gives a board of its own. */
export interface HidLibrary {
  /** rejects when no such board is plugged in, or it may not be opened */
  open(vendorId: number, productId: number): Promise<HidBoard>;
}

const PACKAGE = 'node-hid';

/** @returns null when the package, or its native part for this machine, is not there */
export function loadHidLibrary(packageName: string = PACKAGE): HidLibrary | null {
  try {
    const library: unknown = createRequire(import.meta.url)(packageName);
    return hasAsyncBoards(library) ? library.HIDAsync : null;
  } catch {
    return null;
  }
}

function hasAsyncBoards(library: unknown): library is { readonly HIDAsync: HidLibrary } {
  return (
    typeof library === 'object' &&
    library !== null &&
    'HIDAsync' in library &&
    typeof library.HIDAsync === 'function' &&
    'open' in library.HIDAsync &&
    typeof library.HIDAsync.open === 'function'
  );
}
