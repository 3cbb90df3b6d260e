import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createDurably } from '../durable-file.ts';
import type { Settings } from '../settings.ts';
import { StartFault } from '../start-fault.ts';
import { completeDemoKeystore, createDemoKeystore, type KeyOwners } from './demo-keystore.ts';
import {
  createKeystoreFile,
  readKeystoreFile,
  SCRYPT_DEFAULT,
  SCRYPT_GENERATED,
  writeKeystoreFile,
  type ScryptParameters,
} from './keystore-file.ts';
import type { Keystore } from './keystore.ts';

/** A keystore that is open, and where it came from. */
export type OpenKeystore = {
  readonly keystore: Keystore;
  readonly file: string;
  /** the generated passphrase lies in this file; null: KEYSTORE_PASSPHRASE opened it */
  readonly passphraseFile: string | null;
  /** it was made just now */
  readonly created: boolean;
  /** replaces the file's content */
  readonly replace: (keystore: Keystore) => void;
};

type KeystoreSettings = Pick<Settings, 'dataDir' | 'keystorePassphrase'>;

const keystoreFile = (dataDir: string): string => path.join(dataDir, 'keystore.json');
const passphraseFile = (dataDir: string): string => path.join(dataDir, 'keystore-passphrase');

/**
 * Opens the keystore of a DATA_DIR; null when there is none yet.
 *
 * The passphrase is KEYSTORE_PASSPHRASE, or else the generated one of the demonstration, which lies beside what it protects and
 * so protects only against losing the keystore file alone.
 *
 * @throws StartFault keystore_passphrase_missing, keystore_passphrase_wrong, keystore_invalid
 */
export function openKeystore(settings: KeystoreSettings): OpenKeystore | null {
  const file = keystoreFile(settings.dataDir);
  if (!existsSync(file)) return null;
  const passphrase = settings.keystorePassphrase ?? readPassphrase(settings.dataDir);
  if (passphrase === null) {
    throw new StartFault(
      'keystore_passphrase_missing',
      `${file} is encrypted: set KEYSTORE_PASSPHRASE to the passphrase that it was made with`,
    );
  }
  const keystore = readKeystoreFile(file, passphrase);
  return keystore === null ? null : opened(settings, keystore, passphrase, false);
}

/**
 * Opens the keystore of a DATA_DIR or makes it, with every key that these owners need.
 *
 * @param seed when given, every key of a keystore that is made derives from it
 * @throws StartFault as openKeystore
 */
export function openOrCreateKeystore(
  settings: KeystoreSettings,
  owners: KeyOwners,
  createdAt: string,
  seed?: Uint8Array,
): OpenKeystore {
  const present = openKeystore(settings);
  if (present !== null) {
    const completed = completeDemoKeystore(present.keystore, owners, { createdAt });
    if (completed === present.keystore) return present;
    present.replace(completed);
    return { ...present, keystore: completed };
  }
  const passphrase = settings.keystorePassphrase ?? generatePassphrase(settings.dataDir);
  const keystore = createDemoKeystore(owners, { createdAt, ...(seed === undefined ? {} : { seed }) });
  const file = keystoreFile(settings.dataDir);
  const created = createKeystoreFile(file, keystore, passphrase, stretchingOf(settings));
  if (created) return opened(settings, keystore, passphrase, true);
  // Another process was faster; its keystore counts.
  return openOrCreateKeystore(settings, owners, createdAt, seed);
}

function opened(
  settings: KeystoreSettings,
  keystore: Keystore,
  passphrase: string,
  created: boolean,
): OpenKeystore {
  const file = keystoreFile(settings.dataDir);
  return {
    keystore,
    file,
    passphraseFile: settings.keystorePassphrase === null ? passphraseFile(settings.dataDir) : null,
    created,
    replace: (next) => {
      writeKeystoreFile(file, next, passphrase, stretchingOf(settings));
    },
  };
}

/** Without KEYSTORE_PASSPHRASE the passphrase is the generated one. */
const stretchingOf = ({ keystorePassphrase }: KeystoreSettings): ScryptParameters =>
  keystorePassphrase === null ? SCRYPT_GENERATED : SCRYPT_DEFAULT;

function readPassphrase(dataDir: string): string | null {
  const file = passphraseFile(dataDir);
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : null;
}

function generatePassphrase(dataDir: string): string {
  const file = passphraseFile(dataDir);
  createDurably(file, `${randomBytes(24).toString('base64url')}\n`);
  return readPassphrase(dataDir) ?? '';
}
