import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { loadBanks, type Bank } from '../banks/load-banks.ts';
import { loadClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { DEMO_CA, type KeyOwners } from '../keys/demo-keystore.ts';
import { KeyFault } from '../keys/key-provider.ts';
import type { Keystore } from '../keys/keystore.ts';
import type { ReferenceRows } from '../store/reference-data.ts';
import { loadOperators, type OperatorData } from './load-operators.ts';

/** The demonstration's data files: who operates what, and whose cards are taken. */
export type DemoData = { readonly operators: readonly OperatorData[]; readonly banks: readonly Bank[] };

/** @throws StartFault data_file_invalid */
export function loadDemoData(): DemoData {
  return { operators: loadOperators(), banks: loadBanks() };
}

/** For whom the demonstration's keystore holds keys. An issuer's certificate names the first BIN of its bank. */
export function keyOwnersOf({ operators, banks }: DemoData): KeyOwners {
  return {
    terminalIds: terminalIdsOf(operators),
    banks: banks.map(({ bankId, bins: [issuerIdentifier = ''] }) => ({ bankId, issuerIdentifier })),
  };
}

function terminalIdsOf(operators: readonly OperatorData[]): TerminalId[] {
  return operators.flatMap(({ lines }) =>
    lines.flatMap(({ terminals }) => terminals.map(({ terminalId }) => terminalId)),
  );
}

/** Data files and public keys together, as they enter the database. @throws KeyFault for a key that the keystore lacks */
export function referenceRowsOf({ operators, banks }: DemoData, keystore: Keystore): ReferenceRows {
  const profiles = loadClearingProfiles();
  return {
    operators,
    banks: banks.map((bank) => ({ ...bank, profile: profiles.of(bank.bankId, bank.unionpayId) })),
    terminalKeys: new Map(
      terminalIdsOf(operators).map((terminalId) => [
        terminalId,
        publicKeyOf(keystore, `terminal/${terminalId}`),
      ]),
    ),
    caKeys: [{ ...DEMO_CA, publicKey: publicKeyOf(keystore, 'root-ca') }],
  };
}

function publicKeyOf(keystore: Keystore, id: string): Uint8Array {
  const { publicKeyXy } = keystore.current(id);
  if (publicKeyXy === null) throw new KeyFault(`key ${id} has no public half`);
  return publicKeyXy;
}
