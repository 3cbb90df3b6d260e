import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { writeDurably } from '../lists/durable-file.ts';

/** Everything that one device keeps. */
export type DeviceFolder = {
  readonly directory: string;
  /** 32 bytes under which identity, journal and lists are sealed */
  readonly storageKey: Uint8Array;
  readonly identityFile: string;
  readonly journal: string;
  readonly lists: string;
  /** bodies of lists until they are whole */
  readonly staging: string;
  readonly faults: string;
};

const STORAGE_KEY_BYTES = 32;

export class DeviceFolderFault extends Error {
  override readonly name = 'DeviceFolderFault';
  readonly code: 'storage_key_not_read' | 'folder_not_made';

  constructor(code: DeviceFolderFault['code'], options?: ErrorOptions) {
    super(code, options);
    this.code = code;
  }
}

/**
 * Opens a device's folder; a new one gets its storage key. On a terminal with a secure element the key would come from there.
 *
 * @throws DeviceFolderFault
 */
export async function openDeviceFolder(directory: string): Promise<DeviceFolder> {
  const inside = (name: string): string => path.join(directory, name);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new DeviceFolderFault('folder_not_made', { cause });
  }
  return {
    directory,
    storageKey: await storageKeyIn(inside('storage-key')),
    identityFile: inside('identity'),
    ...{ journal: inside('journal'), lists: inside('lists'), staging: inside('staging') },
    faults: inside('faults'),
  };
}

async function storageKeyIn(file: string): Promise<Uint8Array> {
  const kept = await readFile(file).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw new DeviceFolderFault('storage_key_not_read', { cause: error });
  });
  if (kept === null) {
    const made = randomBytes(STORAGE_KEY_BYTES);
    await writeDurably(file, made);
    return made;
  }
  if (kept.length !== STORAGE_KEY_BYTES) throw new DeviceFolderFault('storage_key_not_read');
  return kept;
}
