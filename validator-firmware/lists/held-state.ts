import { parseListStatement, writeListStatement, type ListStatement } from '@tapgate/sdk/lists/list-envelope';

/** What the store says of one kind of list: sealed under the device's storage key, and replaced in one write. */
export type HeldState = {
  readonly generation: number;
  /** the newest statement on the version in use */
  readonly statement: ListStatement;
  /** null for a list of no cards */
  readonly names: HeldNames | null;
};

export type HeldNames = {
  /** 64 hex digits: it names the cards, so it is kept like a key */
  readonly listKey: string;
  /** rider categories by number; deltas add to the end */
  readonly words: readonly string[];
  readonly bucketBits: number;
  /** names in the snapshot */
  readonly laidDown: number;
  /** names that deltas have added since, counted with repetitions */
  readonly addedSince: number;
  /** the filter as it was kept: when version `version` came, and `addedSince` was `has` */
  readonly filter: {
    readonly file: string;
    readonly sm3: string;
    readonly version: number;
    readonly has: number;
  };
};

export function writeHeldState(state: HeldState): Uint8Array {
  return Buffer.from(JSON.stringify({ ...state, statement: writeListStatement(state.statement) }), 'utf8');
}

/** @returns null for what this program did not write */
export function parseHeldState(bytes: Uint8Array): HeldState | null {
  // Its seal has been checked: what is inside is our own writing.
  const read = JSON.parse(Buffer.from(bytes).toString('utf8')) as Omit<HeldState, 'statement'> & {
    readonly statement: string;
  };
  const statement = parseListStatement(read.statement);
  return statement === null ? null : { ...read, statement };
}
