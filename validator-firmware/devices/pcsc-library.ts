import { createRequire } from 'node:module';

/** What is used of `nfc-pcsc`, which brings no types of its own. */
export interface PcscDevice {
  readonly name: string;
  autoProcessing: boolean;
  /** what the library remembers of the card in the field; null when there is none */
  readonly card: object | null;
  readonly connection: object | null;
  connect: () => Promise<unknown>;
  disconnect(): Promise<unknown>;
  transmit(command: Buffer, responseBytesMax: number): Promise<Buffer>;
  on(event: 'card' | 'card.off' | 'end' | 'error', listener: () => void): unknown;
}

export interface PcscReaders {
  on(event: 'reader', listener: (device: PcscDevice) => void): unknown;
  on(event: 'error', listener: () => void): unknown;
}

export type PcscLibrary = { readonly NFC: new () => PcscReaders };

export const PCSC_PACKAGE = 'nfc-pcsc';

/** @returns null when the package, or the native part that it builds at install, is not there */
export function loadPcscLibrary(packageName: string): PcscLibrary | null {
  try {
    const library: unknown = createRequire(import.meta.url)(packageName);
    return isPcscLibrary(library) ? library : null;
  } catch {
    return null;
  }
}

function isPcscLibrary(library: unknown): library is PcscLibrary {
  return (
    typeof library === 'object' && library !== null && 'NFC' in library && typeof library.NFC === 'function'
  );
}
