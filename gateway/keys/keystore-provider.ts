import { hex } from '@tapgate/sdk/emv/hex';
import { sm2Sign } from '@tapgate/sdk/gm/sm2';
import { hmacSm3, HmacSm3Key } from '@tapgate/sdk/gm/sm3';
import {
  keyLinkMessage,
  signingKeyVersion,
  writeKeyStatement,
  type SigningKeyLink,
} from '@tapgate/sdk/lists/signing-key-link';
import type { PanToken, TerminalId } from '@tapgate/sdk/wire/identifiers';
import { KeyFault, type KeyProvider, type WrappedKey } from './key-provider.ts';
import type { KeyMaterial, Keystore } from './keystore.ts';
import { openBox, sealBox } from './sealed-box.ts';

const ASCII = new TextEncoder();
const PAN_TOKEN_BYTES = 16;
const VERSION_BYTES = 4;

/** The key provider over a keystore that is open in memory. */
export class KeystoreProvider implements KeyProvider {
  readonly #keystore: Keystore;
  // Looked up once: a tap needs these two several times.
  readonly #panToken: HmacSm3Key;
  readonly #links = new Map<number, SigningKeyLink>();
  readonly #terminalMac: KeyMaterial;
  readonly #issuerKeys = {
    ac: new Map<string, Uint8Array | null>(),
    mac: new Map<string, Uint8Array | null>(),
  };

  /** @throws KeyFault when a key of the gateway itself is missing */
  constructor(keystore: Keystore) {
    this.#keystore = keystore;
    this.#panToken = new HmacSm3Key(keystore.current('pan-token').secret);
    this.#terminalMac = keystore.current('terminal-mac');
  }

  panToken(panDigits: string): PanToken {
    if (!/^\d{12,19}$/.test(panDigits)) throw new RangeError('a PAN is 12 to 19 digits');
    return hex(this.#panToken.tag(Buffer.from(panDigits, 'latin1')).subarray(0, PAN_TOKEN_BYTES)) as PanToken;
  }

  terminalMacKey(terminalId: TerminalId): Uint8Array {
    return hmacSm3(this.#terminalMac.secret, ASCII.encode(terminalId));
  }

  issuerMasterKey(bankId: string, usage: 'ac' | 'mac'): Uint8Array | null {
    const ofUsage = this.#issuerKeys[usage];
    let key = ofUsage.get(bankId);
    if (key === undefined) {
      key = this.#keystore.find(`issuer-${usage}/${bankId}`)?.secret ?? null;
      ofUsage.set(bankId, key);
    }
    return key;
  }

  wrapDataKey(dataKey: Uint8Array): WrappedKey {
    const { version, secret } = this.#keystore.current('data-wrapping');
    return { wrappingKeyVersion: version, wrappedKey: sealBox(secret, dataKey, wrappingContext(version)) };
  }

  unwrapDataKey({ wrappingKeyVersion, wrappedKey }: WrappedKey): Uint8Array {
    const { secret } = this.#keystore.version('data-wrapping', wrappingKeyVersion);
    const dataKey = openBox(secret, wrappedKey, wrappingContext(wrappingKeyVersion));
    if (dataKey === null) throw new KeyFault('a data key was changed after it was wrapped');
    return dataKey;
  }

  /** The box of sealed-box.ts after the version of its key, 4 bytes, big-endian. */
  seal(plain: Uint8Array, context: string): Uint8Array {
    const { version, secret } = this.#keystore.current('personal-data');
    const prefix = new Uint8Array(VERSION_BYTES);
    new DataView(prefix.buffer).setUint32(0, version);
    return Buffer.concat([prefix, sealBox(secret, plain, context)]);
  }

  open(sealed: Uint8Array, context: string): Uint8Array {
    if (sealed.length <= VERSION_BYTES) throw new KeyFault('a sealed datum is too short');
    const version = new DataView(sealed.buffer, sealed.byteOffset, VERSION_BYTES).getUint32(0);
    const { secret } = this.#keystore.version('personal-data', version);
    const plain = openBox(secret, sealed.subarray(VERSION_BYTES), context);
    if (plain === null) throw new KeyFault('a sealed datum was changed, or belongs elsewhere');
    return plain;
  }

  signManifest(manifest: Uint8Array): Uint8Array {
    const { secret } = this.#keystore.current('manifest-signing');
    return sm2Sign({ privateKey: secret, publicKeyXy: this.manifestPublicKey(), message: manifest });
  }

  manifestPublicKey(): Uint8Array {
    const { publicKeyXy } = this.#keystore.current('manifest-signing');
    if (publicKeyXy === null) throw new KeyFault('key manifest-signing has no public half');
    return publicKeyXy;
  }

  signList(message: Uint8Array): Uint8Array {
    const { secret } = this.#keystore.current('list-signing');
    return sm2Sign({ privateKey: secret, publicKeyXy: this.listSigningKey().publicKeyXy, message });
  }

  listSigningKey(): { readonly keyId: string; readonly publicKeyXy: Uint8Array } {
    const { publicKeyXy, version } = this.#keystore.current('list-signing');
    if (publicKeyXy === null) throw new KeyFault('key list-signing has no public half');
    return { keyId: `list-signing/${version}`, publicKeyXy };
  }

  listSigningLinks(fromKeyId: string): readonly SigningKeyLink[] {
    const from = signingKeyVersion(fromKeyId);
    const { version } = this.#keystore.current('list-signing');
    if (from === null || from < 1 || from > version) return [];
    return Array.from({ length: version - from }, (_, index) => this.#linkAfter(from + index));
  }

  /** Signed once by this process: a signature differs each time, and terminals ask by the thousand after a change. */
  #linkAfter(version: number): SigningKeyLink {
    const made = this.#links.get(version);
    if (made !== undefined) return made;
    const [before, after] = [version, version + 1].map((of) => this.#keystore.version('list-signing', of));
    if (!before?.publicKeyXy || !after?.publicKeyXy)
      throw new KeyFault('key list-signing has no public half');
    const statement = writeKeyStatement({
      keyId: `list-signing/${version + 1}`,
      publicKeyXy: after.publicKeyXy,
    });
    const signature = sm2Sign({
      ...{ privateKey: before.secret, publicKeyXy: before.publicKeyXy },
      message: keyLinkMessage(statement),
    });
    const link = { statement, signature: Buffer.from(signature).toString('base64') };
    this.#links.set(version, link);
    return link;
  }

  listKey(): Uint8Array {
    return this.#keystore.current('list-key').secret;
  }

  sessionTokenKey(): Uint8Array {
    return this.#keystore.current('session-token').secret;
  }

  claimSalt(): Uint8Array {
    return this.#keystore.current('claim-salt').secret;
  }
}

const wrappingContext = (version: number): string => `data key, wrapping key ${version}`;
