import { randomBytes } from 'node:crypto';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { buildIssuerCertificate } from '@tapgate/sdk/emv/sm2-certificates';
import { generateSm2KeyPair, sm2KeyPairFromSeed, sm2Sign, type Sm2KeyPair } from '@tapgate/sdk/gm/sm2';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { KEY_KINDS, kindOfKey } from './key-kinds.ts';
import { KeyFault } from './key-provider.ts';
import { Keystore, type NewKey } from './keystore.ts';

/** For whom keys are needed: the terminals of the operators, and the banks with the BIN that their certificates name. */
export type KeyOwners = {
  readonly terminalIds: readonly TerminalId[];
  readonly banks: readonly { readonly bankId: string; readonly issuerIdentifier: string }[];
};

/** The test certification authority, as cards (8F) and terminals name it: the scheme's RID with an index that no live key has. */
export const DEMO_CA = { rid: 'A000000333', index: 0xf0, expiresOn: '2049-12-31' } as const;

/** MMYY; certificates of the demonstration last as long as two-digit years do. */
const CERTIFICATE_EXPIRY_MMYY = bytesFromHex('1249');

/**
 * Makes every key of a demonstration: the gateway's own, and those that in a real city others hold: a certification authority,
 * issuers, terminals.
 *
 * @param seed  derives every key, so that a run can be repeated byte for byte; without it all are random. Signatures, also
 *   those in issuer certificates, are random either way
 */
export function createDemoKeystore(
  owners: KeyOwners,
  options: { readonly createdAt: string; readonly seed?: Uint8Array },
): Keystore {
  return completeDemoKeystore(Keystore.empty(), owners, options);
}

/** Adds the keys that are missing, for terminals and banks that joined later. The same keystore when none is. */
export function completeDemoKeystore(
  keystore: Keystore,
  owners: KeyOwners,
  options: { readonly createdAt: string; readonly seed?: Uint8Array },
): Keystore {
  const source = options.seed === undefined ? RANDOM : seededSource(options.seed);
  let completed = keystore;
  for (const id of listKeyIds(owners)) {
    if (completed.find(id) !== null) continue;
    completed = completed.with(makeKey(id, source, completed, owners), options.createdAt);
  }
  return completed;
}

/** Ids of all keys that these owners need. The root stands before the issuers that it certifies. */
function listKeyIds(owners: KeyOwners): string[] {
  return Object.entries(KEY_KINDS).flatMap(([name, kind]) => {
    switch (kind.each) {
      case 'gateway':
        return [name];
      case 'bank':
        return owners.banks.map(({ bankId }) => `${name}/${bankId}`);
      case 'terminal':
        return owners.terminalIds.map((terminalId) => `${name}/${terminalId}`);
    }
  });
}

type KeySource = {
  readonly bytes: (id: string, length: number) => Uint8Array;
  readonly keyPair: (id: string) => Sm2KeyPair;
};

const RANDOM: KeySource = { bytes: (_id, length) => randomBytes(length), keyPair: generateSm2KeyPair };

function seededSource(seed: Uint8Array): KeySource {
  const derived = (id: string): Uint8Array => hmacSm3(seed, new TextEncoder().encode(`demo key ${id}`));
  return {
    bytes: (id, length) => derived(id).subarray(0, length),
    keyPair: (id) => sm2KeyPairFromSeed(derived(id)),
  };
}

function makeKey(id: string, source: KeySource, keystore: Keystore, owners: KeyOwners): NewKey {
  const found = kindOfKey(id);
  if (found === null) throw new KeyFault(`key ${id} is of an unknown kind`);
  if (found.kind.algorithm !== 'SM2') {
    return { id, secret: source.bytes(id, found.kind.bytes), publicKeyXy: null, certificate: null };
  }
  const { privateKey, publicKeyXy } = source.keyPair(id);
  const certificate = found.name === 'issuer' ? certify(id, publicKeyXy, keystore, owners) : null;
  return { id, secret: privateKey, publicKeyXy, certificate };
}

/** The issuer's certificate, 142 bytes, signed by the test root (pboc-contactless.md 4.3). */
function certify(id: string, publicKeyXy: Uint8Array, keystore: Keystore, owners: KeyOwners): Uint8Array {
  const place = owners.banks.findIndex((bank) => `issuer/${bank.bankId}` === id);
  const bank = owners.banks[place];
  const root = keystore.current('root-ca');
  const rootPublicKey = root.publicKeyXy;
  if (bank === undefined || rootPublicKey === null) throw new KeyFault(`key ${id} has no bank or no root`);
  return buildIssuerCertificate(
    {
      issuerId: bytesFromHex(bank.issuerIdentifier.padEnd(8, 'F')),
      expiryMmyy: CERTIFICATE_EXPIRY_MMYY,
      serial: Uint8Array.of(0, 0, place + 1),
      publicKeyXy,
    },
    (message) => sm2Sign({ privateKey: root.secret, publicKeyXy: rootPublicKey, message }),
  );
}

export type Rotation =
  | { readonly ok: true; readonly keystore: Keystore; readonly version: number }
  | { readonly ok: false; readonly reason: string };

/**
 * Makes a new version of a key; the old one stays for what was made under it.
 *
 * @returns why not: no such key, or a kind that may not be replaced
 */
export function rotateKey(keystore: Keystore, id: string, createdAt: string): Rotation {
  const found = kindOfKey(id);
  if (found === null || keystore.find(id) === null)
    return { ok: false, reason: 'there is no key of that name' };
  if (found.kind.keptBecause !== null) return { ok: false, reason: found.kind.keptBecause };
  const rotated = keystore.with(makeKey(id, RANDOM, keystore, NO_OWNERS), createdAt);
  return { ok: true, keystore: rotated, version: rotated.current(id).version };
}

/** Keys of banks are certified or derived from, and none of them rotates. */
const NO_OWNERS: KeyOwners = { terminalIds: [], banks: [] };
