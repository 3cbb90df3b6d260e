import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { DEMO_CA } from './demo-keystore.ts';
import { KeyFault } from './key-provider.ts';
import { KeystoreProvider } from './keystore-provider.ts';
import type { Keystore } from './keystore.ts';

// What the other parties of a demonstration hold: in a real city neither is in the gateway's keystore.

/** What a terminal carries. */
export type TerminalCredentials = {
  readonly macKey: Uint8Array;
  readonly sm2PrivateKey: Uint8Array;
  readonly sm2PublicKey: Uint8Array;
};

/** @throws KeyFault when the terminal has no key */
export function terminalCredentials(keystore: Keystore, terminalId: TerminalId): TerminalCredentials {
  const { secret, publicKeyXy } = keystore.current(`terminal/${terminalId}`);
  if (publicKeyXy === null) throw new KeyFault(`key terminal/${terminalId} has no public half`);
  return {
    macKey: new KeystoreProvider(keystore).terminalMacKey(terminalId),
    sm2PrivateKey: secret,
    sm2PublicKey: publicKeyXy,
  };
}

/** What a bank personalises its cards with. */
export type IssuerPersonalisation = {
  /** value of tag 90, 142 bytes */
  readonly issuerCertificate: Uint8Array;
  /** value of tag 8F */
  readonly caKeyIndex: number;
  readonly privateKey: Uint8Array;
  readonly publicKeyXy: Uint8Array;
  /** 16 bytes each */
  readonly imkAc: Uint8Array;
  readonly imkMac: Uint8Array;
};

/** @throws KeyFault when the bank has no keys here */
export function issuerPersonalisation(keystore: Keystore, bankId: string): IssuerPersonalisation {
  const { secret, publicKeyXy, certificate } = keystore.current(`issuer/${bankId}`);
  if (publicKeyXy === null || certificate === null)
    throw new KeyFault(`key issuer/${bankId} has no certificate`);
  return {
    issuerCertificate: certificate,
    caKeyIndex: DEMO_CA.index,
    privateKey: secret,
    publicKeyXy,
    imkAc: keystore.current(`issuer-ac/${bankId}`).secret,
    imkMac: keystore.current(`issuer-mac/${bankId}`).secret,
  };
}

/** The operator's bearer token as people and tools send it. The database has its SM3 only. */
export function operatorToken(keystore: Keystore): string {
  return `tgo_${Buffer.from(keystore.current('operator-token').secret).toString('base64url')}`;
}
