import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadPcscLibrary, PCSC_PACKAGE, type PcscDevice, type PcscLibrary } from './pcsc-library.ts';
import type { FromReaderProcess, ToReaderProcess } from './pcsc-messages.ts';

// The process in which the PC/SC library lives. It ends when its parent does, when the daemon goes away, and by any crash of the
// driver; the parent starts a new one. Nothing that must survive is held here.

const SOCKET_PATH = process.env['PCSCLITE_CSOCK_NAME'] ?? '/run/pcscd/pcscd.comm';
const DAEMON_PROBE_MS = 200;
/** A short response: 256 bytes and the status word. */
const RESPONSE_BYTES_MAX = 258;
/** The daemon polls a reader about this often; only after it can a card that is still there have been seen to leave. */
const SWAP_NOTICE_MS = 600;

type Slot = {
  readonly device: PcscDevice;
  presentation: number | null;
  /** whether the gate was told of something in this field */
  isOccupied: boolean;
};

const slots = new Map<string, Slot>();
let presentations = 0;

const tell = (message: FromReaderProcess): void => {
  if (process.connected) process.send?.(message);
};

/** The library waits for a daemon in a busy loop on the main thread; so it is loaded only once somebody listens. */
async function untilDaemonListens(): Promise<void> {
  if (process.platform !== 'linux') return;
  while (!(await daemonListens())) await sleep(DAEMON_PROBE_MS);
}

function daemonListens(): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(SOCKET_PATH);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

function watch(library: PcscLibrary): void {
  const readers = new library.NFC();
  readers.on('reader', watchDevice);
  // Daemon gone: the library's threads have ended and cannot be started again. The parent begins anew.
  readers.on('error', () => process.exit(0));
}

function watchDevice(device: PcscDevice): void {
  const reader = device.name;
  const slot: Slot = { device, presentation: null, isOccupied: false };
  slots.set(reader, slot);
  device.autoProcessing = false;
  const connectCard = device.connect.bind(device);
  // The library keeps a failed connect to itself: a card is there, and nobody would ever hear of it.
  device.connect = async () => {
    try {
      return await connectCard();
    } catch (error) {
      slot.isOccupied = true;
      tell({ kind: 'card_unreadable', reader });
      throw error;
    }
  };
  device.on('card', () => {
    announce(slot, reader);
  });
  device.on('card.off', () => {
    announceRemoval(slot, reader);
  });
  device.on('error', () => undefined);
  device.on('end', () => {
    slots.delete(reader);
    tell({ kind: 'reader_lost', reader });
  });
  tell({ kind: 'reader_ready', reader });
}

function announce(slot: Slot, reader: string): void {
  slot.presentation = ++presentations;
  slot.isOccupied = true;
  tell({ kind: 'card_present', reader, presentation: slot.presentation });
}

function announceRemoval(slot: Slot, reader: string): void {
  slot.presentation = null;
  if (!slot.isOccupied) return;
  slot.isOccupied = false;
  tell({ kind: 'card_removed', reader });
}

async function transmit({ exchange, reader, presentation, command }: ToReaderProcess): Promise<void> {
  const slot = slots.get(reader);
  const response = slot?.presentation === presentation ? await exchangeWith(slot, command) : null;
  tell({ kind: 'answered', exchange, response });
  if (response === null && slot?.presentation === presentation) await endPresentation(slot, reader);
}

/** @returns null when the card did not answer: whatever the driver calls that, this act of the card is over */
async function exchangeWith({ device }: Slot, command: Uint8Array): Promise<Uint8Array | null> {
  try {
    const response = await device.transmit(Buffer.from(command), RESPONSE_BYTES_MAX);
    // Some drivers report a card that left in the middle as a success without a byte; a response has a status word.
    return response.length < 2 ? null : response;
  } catch {
    return null;
  }
}

/**
 * A card that stopped answering has left. Where the daemon sees it leave, the library says so; where it was put back, or another
 * one came, between two polls, the library says nothing, and the card that lies there is met again as a new one.
 */
async function endPresentation(slot: Slot, reader: string): Promise<void> {
  const ended = slot.presentation;
  await sleep(SWAP_NOTICE_MS);
  if (slot.presentation !== ended || slots.get(reader) !== slot || slot.device.card === null) return;
  announceRemoval(slot, reader);
  try {
    if (slot.device.connection !== null) await slot.device.disconnect();
    await slot.device.connect();
  } catch {
    return;
  }
  announce(slot, reader);
}

// A Ctrl-C at the gate's console reaches this process too; the gate decides when it has finished.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('message', (message: ToReaderProcess) => {
  void transmit(message);
});

const library = loadPcscLibrary(process.argv[2] ?? PCSC_PACKAGE);
if (library === null) {
  tell({ kind: 'library_absent' });
} else {
  tell({ kind: 'opened' });
  await untilDaemonListens();
  watch(library);
}
