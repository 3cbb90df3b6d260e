import type { SigningKeyLink } from '@tapgate/sdk/lists/signing-key-link';
import type { PanToken, TerminalId } from '@tapgate/sdk/wire/identifiers';

/**
 * The port through which every secret is used. The default provider is one keystore file encrypted under a passphrase; a
 * PKCS#11 provider is a later one. No key is in the database, a log or an error.
 *
 * All methods are synchronous and cheap (symmetric, or one SM2 signature): keys are in memory once the provider is open.
 */
export interface KeyProvider {
  /** HMAC-SM3 of the PAN's digits under the token key, leftmost 16 bytes. Never rotated: it is the name of a card. */
  panToken(panDigits: string): PanToken;
  /** 32-byte HMAC-SM3 key of a terminal, derived from the master key and the terminal id. */
  terminalMacKey(terminalId: TerminalId): Uint8Array;
  /** Issuer master key for cryptograms (16 bytes), where this gateway holds it; null where the issuer keeps it. */
  issuerMasterKey(bankId: string, usage: 'ac' | 'mac'): Uint8Array | null;
  /** Wraps a data key under the current wrapping key. */
  wrapDataKey(dataKey: Uint8Array): WrappedKey;
  /** @throws KeyFault when the wrapping key of that version is gone or the wrapped key was changed */
  unwrapDataKey(wrapped: WrappedKey): Uint8Array;
  /** Seals a small personal datum (a birth date) with authentication; opens only with the same `context`. */
  seal(plain: Uint8Array, context: string): Uint8Array;
  /** @throws KeyFault when it was changed or belongs to another context */
  open(sealed: Uint8Array, context: string): Uint8Array;
  /** SM2 signature r||s (64 bytes) over a manifest, default user id. Random: made once and stored. */
  signManifest(manifest: Uint8Array): Uint8Array;
  /** 64-byte X||Y under which manifests verify. */
  manifestPublicKey(): Uint8Array;
  /** SM2 signature r||s (64 bytes) over what a list's envelope says, default user id. Random: made once and stored. */
  signList(message: Uint8Array): Uint8Array;
  /** The key under which lists verify: 64-byte X||Y, and the id by which envelopes name it. */
  listSigningKey(): { readonly keyId: string; readonly publicKeyXy: Uint8Array };
  /** How terminals that hold the key of that id get to the one of now: each link signed by the key before. Empty for none. */
  listSigningLinks(fromKeyId: string): readonly SigningKeyLink[];
  /** HMAC-SM3 key (32 bytes) that names cards on lists for terminals; it goes to terminals, each time encrypted to one. */
  listKey(): Uint8Array;
  /** HMAC-SM3 key (32 bytes) of the short-lived tokens that terminals get. */
  sessionTokenKey(): Uint8Array;
  /** Salt of the card pseudonyms in a funder's subsidy claim, 32 bytes. */
  claimSalt(): Uint8Array;
}

export type WrappedKey = { readonly wrappingKeyVersion: number; readonly wrappedKey: Uint8Array };

/** Something is wrong with a key or with what was sealed under it. The message names the key's id, never its material. */
export class KeyFault extends Error {
  override readonly name = 'KeyFault';
}
