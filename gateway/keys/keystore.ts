import { bytesFromHex, hex } from '@tapgate/sdk/emv/hex';
import { z } from 'zod';
import { KeyFault } from './key-provider.ts';
import { kindOfKey, type KeyAlgorithm } from './key-kinds.ts';

/** What may be shown of a key. */
export type KeyDescription = {
  readonly id: string;
  readonly version: number;
  readonly usage: string;
  readonly algorithm: KeyAlgorithm;
  readonly createdAt: string;
  /** `current` makes new things; `retired` only opens and verifies what was made under it */
  readonly state: 'current' | 'retired';
};

/** The material of one version of a key. It is used and forgotten; it never enters a message. */
export type KeyMaterial = {
  readonly version: number;
  /** SM2: the private key */
  readonly secret: Uint8Array;
  /** SM2: X||Y */
  readonly publicKeyXy: Uint8Array | null;
  /** issuer: tag 90, 142 bytes */
  readonly certificate: Uint8Array | null;
};

export type NewKey = Omit<KeyMaterial, 'version'> & { readonly id: string };

const Hex = z.string().regex(/^(?:[0-9A-F]{2})*$/);
const EntrySchema = z.strictObject({
  id: z.string().refine((id) => kindOfKey(id) !== null, 'a key of an unknown kind'),
  version: z.int().min(1),
  createdAt: z.iso.datetime(),
  state: z.enum(['current', 'retired']),
  secret: Hex,
  publicKeyXy: Hex.optional(),
  certificate: Hex.optional(),
});
type Entry = z.output<typeof EntrySchema>;

/**
 * All keys of a gateway, in memory. A value: adding or rotating gives a new keystore. Entries stand in private fields, so that
 * a keystore that is logged, inspected or made JSON by mistake shows none.
 */
export class Keystore {
  readonly #entries: readonly Entry[];
  readonly #current: ReadonlyMap<string, KeyMaterial>;

  private constructor(entries: readonly Entry[]) {
    this.#entries = entries;
    this.#current = new Map(
      entries.filter((entry) => entry.state === 'current').map((entry) => [entry.id, materialOf(entry)]),
    );
  }

  static empty(): Keystore {
    return new Keystore([]);
  }

  /** @throws KeyFault when the text is no keystore */
  static parse(text: string): Keystore {
    const parsed = z.array(EntrySchema).safeParse(parseJson(text));
    if (!parsed.success) throw new KeyFault('the keystore holds something that is not a key');
    const names = parsed.data.map((entry) => `${entry.id} ${entry.version}`);
    if (new Set(names).size !== names.length) throw new KeyFault('the keystore holds a key twice');
    return new Keystore(parsed.data);
  }

  /** The clear content, for the one module that encrypts it. */
  serialise(): string {
    return JSON.stringify(this.#entries);
  }

  list(): readonly KeyDescription[] {
    return this.#entries.map(({ id, version, createdAt, state }) => {
      const kind = kindOfKey(id)?.kind;
      if (kind === undefined) throw new KeyFault(`key ${id} is of an unknown kind`);
      return { id, version, usage: kind.usage, algorithm: kind.algorithm, createdAt, state };
    });
  }

  /** @throws KeyFault when there is no such key */
  current(id: string): KeyMaterial {
    const material = this.find(id);
    if (material === null) throw new KeyFault(`key ${id} is not in the keystore`);
    return material;
  }

  find(id: string): KeyMaterial | null {
    return this.#current.get(id) ?? null;
  }

  /** @throws KeyFault when that version was never made or is gone */
  version(id: string, version: number): KeyMaterial {
    const entry = this.#entries.find((candidate) => candidate.id === id && candidate.version === version);
    if (entry === undefined) throw new KeyFault(`key ${id} version ${version} is not in the keystore`);
    return materialOf(entry);
  }

  /** A keystore with a new key as the current one; an older version of the same id is retired, not removed. */
  with(key: NewKey, createdAt: string): Keystore {
    const versions = this.#entries.filter((entry) => entry.id === key.id).map((entry) => entry.version);
    const entry: Entry = {
      id: key.id,
      version: Math.max(0, ...versions) + 1,
      createdAt,
      state: 'current',
      secret: hex(key.secret),
      ...(key.publicKeyXy === null ? {} : { publicKeyXy: hex(key.publicKeyXy) }),
      ...(key.certificate === null ? {} : { certificate: hex(key.certificate) }),
    };
    const before = this.#entries.map((old): Entry =>
      old.id === key.id ? { ...old, state: 'retired' } : old,
    );
    return new Keystore([...before, entry]);
  }
}

const materialOf = (entry: Entry): KeyMaterial => ({
  version: entry.version,
  secret: bytesFromHex(entry.secret),
  publicKeyXy: entry.publicKeyXy === undefined ? null : bytesFromHex(entry.publicKeyXy),
  certificate: entry.certificate === undefined ? null : bytesFromHex(entry.certificate),
});

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
