import { panToken, type PanToken } from '@tapgate/sdk/wire/identifiers';

/** A card's name as the tables keep it: 16 bytes. */
export function bytesOfToken(token: PanToken): Buffer {
  return Buffer.from(token, 'hex');
}

export function tokenOfBytes(bytes: Uint8Array): PanToken {
  return panToken(Buffer.from(bytes).toString('hex').toUpperCase());
}
