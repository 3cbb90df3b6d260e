import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { encodeTlvTree, type TlvDraft } from '@tapgate/sdk/emv/tlv-encoding';

/** Names of the two directories (pboc-contactless.md 1.3). */
export const CONTACTLESS_DIRECTORY: Uint8Array = Buffer.from('2PAY.SYS.DDF01', 'ascii');
export const CONTACT_DIRECTORY: Uint8Array = Buffer.from('1PAY.SYS.DDF01', 'ascii');
/** Where the contact directory keeps its entries. */
export const CONTACT_DIRECTORY_SFI = 1;

export type DirectoryEntry = {
  readonly dfName: Uint8Array;
  readonly label: string;
  readonly priority: number;
};

/** The contactless directory lists its entries in the FCI itself. */
export function contactlessDirectoryFci(entries: readonly DirectoryEntry[]): Uint8Array {
  return fci(CONTACTLESS_DIRECTORY, [{ tag: 'BF0C', children: entries.map(entryTemplate) }]);
}

/** The contact directory says in which file its entries stand. */
export function contactDirectoryFci(): Uint8Array {
  return fci(CONTACT_DIRECTORY, [
    { tag: '88', value: Uint8Array.of(CONTACT_DIRECTORY_SFI) },
    { tag: '5F2D', value: Buffer.from('zh', 'ascii') },
  ]);
}

export function contactDirectoryRecord(entries: readonly DirectoryEntry[]): Uint8Array {
  return encodeTlvTree([{ tag: '70', children: entries.map(entryTemplate) }]);
}

/** FCI of an application. @param pdol 9F38; null on the contact interface, where it asks for nothing */
export function applicationFci(entry: DirectoryEntry, pdol: Uint8Array | null): Uint8Array {
  return fci(entry.dfName, [
    { tag: '50', value: Buffer.from(entry.label, 'ascii') },
    { tag: '87', value: Uint8Array.of(entry.priority) },
    ...(pdol === null ? [] : [{ tag: '9F38', value: pdol }]),
    { tag: '5F2D', value: Buffer.from('zh', 'ascii') },
    { tag: 'BF0C', children: [{ tag: '9F4D', value: bytesFromHex('0B0A') }] },
  ]);
}

function entryTemplate(entry: DirectoryEntry): TlvDraft {
  return {
    tag: '61',
    children: [
      { tag: '4F', value: entry.dfName },
      { tag: '50', value: Buffer.from(entry.label, 'ascii') },
      { tag: '87', value: Uint8Array.of(entry.priority) },
    ],
  };
}

function fci(dfName: Uint8Array, proprietary: readonly TlvDraft[]): Uint8Array {
  return encodeTlvTree([
    {
      tag: '6F',
      children: [
        { tag: '84', value: dfName },
        { tag: 'A5', children: proprietary },
      ],
    },
  ]);
}
