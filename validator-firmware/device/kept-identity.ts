import { saveIdentity, type DeviceIdentity } from '../sync/device-identity.ts';
import type { DeviceFolder } from './device-folder.ts';

/** Who this device is, as it changes: under which key it takes lists, and whether it is revoked. What is in use is on disk. */
export class KeptIdentity {
  readonly #folder: Pick<DeviceFolder, 'identityFile' | 'storageKey'>;
  #identity: DeviceIdentity;
  #tail: Promise<void> = Promise.resolve();

  constructor(folder: Pick<DeviceFolder, 'identityFile' | 'storageKey'>, identity: DeviceIdentity) {
    this.#folder = folder;
    this.#identity = identity;
  }

  get now(): DeviceIdentity {
    return this.#identity;
  }

  /** Returns when it is on disk; changes are written one after the other. Rejects where the disk does not take it. */
  change(changes: Partial<Pick<DeviceIdentity, 'listSigningKeys' | 'isRevoked'>>): Promise<void> {
    const { identityFile, storageKey } = this.#folder;
    this.#identity = { ...this.#identity, ...changes };
    const identity = this.#identity;
    const written = this.#tail.then(() => saveIdentity(identityFile, storageKey, identity));
    this.#tail = written.catch(() => undefined);
    return written;
  }

  /** Returns when everything that was changed is written, or could not be. */
  settled(): Promise<void> {
    return this.#tail;
  }
}
