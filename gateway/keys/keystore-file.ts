import { randomBytes, scryptSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { createDurably, writeDurably } from '../durable-file.ts';
import { StartFault, systemErrorCode } from '../start-fault.ts';
import { KeyFault } from './key-provider.ts';
import { Keystore } from './keystore.ts';
import { openBox, sealBox } from './sealed-box.ts';

/**
 * The keystore as a file: JSON around one sealed box (sealed-box.ts) whose key is scrypt of the passphrase. The parameters stand
 * in the file, so that they can be raised later, and in the box's context, so that nobody lowers them.
 */
export type ScryptParameters = { readonly n: number; readonly r: number; readonly p: number };

/** 128 MiB and about half a second: what is said to be enough for a passphrase that people choose. */
export const SCRYPT_DEFAULT: ScryptParameters = { n: 2 ** 17, r: 8, p: 1 };

/**
 * 16 MiB, for a passphrase of 192 random bits, which nobody guesses whatever a guess costs: what is stretched here is the demonstration's own, and the
 * virtual riders of a gate with 200 MB of memory open it too.
 */
export const SCRYPT_GENERATED: ScryptParameters = { n: 2 ** 14, r: 8, p: 1 };

const FORMAT = 'tapgate-keystore/1';
const SALT_BYTES = 16;
const BOX_KEY_BYTES = 32;

const KeystoreFile = z.strictObject({
  format: z.literal(FORMAT),
  cipher: z.literal('SM4-CBC, HMAC-SM3'),
  kdf: z.strictObject({
    name: z.literal('scrypt'),
    // Bounds keep a damaged file from asking for all the memory of the machine.
    n: z
      .int()
      .min(2)
      .max(2 ** 20)
      .refine((n) => Number.isInteger(Math.log2(n)), 'a power of two'),
    r: z.int().min(1).max(32),
    p: z.int().min(1).max(16),
    salt: z.base64(),
  }),
  box: z.base64(),
});
type KeystoreFile = z.output<typeof KeystoreFile>;

/** Encrypts a keystore anew: fresh salt, fresh initial vector. */
export function sealKeystore(keystore: Keystore, passphrase: string, parameters = SCRYPT_DEFAULT): string {
  const kdf = { name: 'scrypt' as const, ...parameters, salt: randomBytes(SALT_BYTES).toString('base64') };
  const plain = new TextEncoder().encode(keystore.serialise());
  const file: KeystoreFile = {
    format: FORMAT,
    cipher: 'SM4-CBC, HMAC-SM3',
    kdf,
    box: Buffer.from(sealBox(boxKey(passphrase, kdf), plain, contextOf(kdf))).toString('base64'),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * @throws StartFault keystore_invalid (no keystore file), keystore_passphrase_wrong (which a changed file cannot be told from)
 */
export function openSealedKeystore(text: string, passphrase: string, name: string): Keystore {
  const parsed = KeystoreFile.safeParse(parseJson(text));
  if (!parsed.success)
    throw new StartFault('keystore_invalid', `${name} is not a keystore file, or is damaged`);
  const { kdf, box } = parsed.data;
  const plain = openBox(boxKey(passphrase, kdf), Buffer.from(box, 'base64'), contextOf(kdf));
  if (plain === null) {
    throw new StartFault(
      'keystore_passphrase_wrong',
      `${name} does not open: the passphrase is wrong, or the file was changed`,
    );
  }
  try {
    return Keystore.parse(new TextDecoder().decode(plain));
  } catch (error) {
    if (error instanceof KeyFault) throw new StartFault('keystore_invalid', `${name}: ${error.message}`);
    throw error;
  }
}

/** Null when there is no file. @throws StartFault as openSealedKeystore */
export function readKeystoreFile(file: string, passphrase: string): Keystore | null {
  const text = readIfPresent(file);
  return text === null ? null : openSealedKeystore(text, passphrase, file);
}

/** Replaces the file in one step: 0600, synced, renamed. */
export function writeKeystoreFile(
  file: string,
  keystore: Keystore,
  passphrase: string,
  parameters = SCRYPT_DEFAULT,
): void {
  writeDurably(file, sealKeystore(keystore, passphrase, parameters));
}

/** Writes a first keystore; false when another process made one in the meantime, which then counts. */
export function createKeystoreFile(
  file: string,
  keystore: Keystore,
  passphrase: string,
  parameters = SCRYPT_DEFAULT,
): boolean {
  return createDurably(file, sealKeystore(keystore, passphrase, parameters));
}

function readIfPresent(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

function boxKey(passphrase: string, kdf: KeystoreFile['kdf']): Uint8Array {
  const { n, r, p } = kdf;
  return scryptSync(passphrase.normalize('NFC'), Buffer.from(kdf.salt, 'base64'), BOX_KEY_BYTES, {
    N: n,
    r,
    p,
    maxmem: 256 * n * r,
  });
}

const contextOf = (kdf: KeystoreFile['kdf']): string =>
  `${FORMAT}|${kdf.name}|${kdf.n}|${kdf.r}|${kdf.p}|${kdf.salt}`;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
