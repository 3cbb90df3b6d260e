/** What a key is made of. `bytes` is the length of its secret; an SM2 key also has a public half. */
export type KeyAlgorithm = 'SM2' | 'SM4' | 'HMAC-SM3' | 'TOKEN';

export type KeyKind = {
  readonly algorithm: KeyAlgorithm;
  readonly bytes: number;
  /** one for the gateway, or one for each of these, named KIND/OWNER */
  readonly each: 'gateway' | 'bank' | 'terminal';
  readonly usage: string;
  /** why it may never be replaced; null: `rotate` makes a new version and keeps the old for what was made under it */
  readonly keptBecause: string | null;
};

/** Every kind of key a gateway uses, in the order in which `keys list` shows them. */
export const KEY_KINDS = {
  'pan-token': {
    algorithm: 'HMAC-SM3',
    bytes: 32,
    each: 'gateway',
    usage: 'makes the token that stands for a PAN',
    keptBecause:
      'the token is the name of a card: under another key every card would be a new one, and be charged anew',
  },
  'terminal-mac': {
    algorithm: 'HMAC-SM3',
    bytes: 32,
    each: 'gateway',
    usage: 'master of the MAC keys of terminals',
    keptBecause:
      'terminals hold keys derived from it, and journals in the field hold records made under them',
  },
  'data-wrapping': {
    algorithm: 'SM4',
    bytes: 32,
    each: 'gateway',
    usage: 'wraps the data keys of tap records',
    keptBecause: null,
  },
  'personal-data': {
    algorithm: 'SM4',
    bytes: 32,
    each: 'gateway',
    usage: 'seals single personal data, such as a birth date',
    keptBecause: null,
  },
  'session-token': {
    algorithm: 'HMAC-SM3',
    bytes: 32,
    each: 'gateway',
    usage: 'authenticates the short-lived tokens of terminals',
    keptBecause: null,
  },
  'manifest-signing': {
    algorithm: 'SM2',
    bytes: 32,
    each: 'gateway',
    usage: 'signs the manifests of clearing files',
    keptBecause: null,
  },
  'list-signing': {
    algorithm: 'SM2',
    bytes: 32,
    each: 'gateway',
    usage: 'signs the lists that terminals take',
    keptBecause: null,
  },
  'list-key': {
    algorithm: 'HMAC-SM3',
    bytes: 32,
    each: 'gateway',
    usage: 'names cards on the lists that terminals take',
    keptBecause: null,
  },
  'claim-salt': {
    algorithm: 'HMAC-SM3',
    bytes: 32,
    each: 'gateway',
    usage: 'makes the card pseudonyms of subsidy claims',
    keptBecause: 'a claim that is built again must name the same riders by the same pseudonyms',
  },
  'operator-token': {
    algorithm: 'TOKEN',
    bytes: 32,
    each: 'gateway',
    usage: 'lets people and tools of the operator in; the database has its hash only',
    keptBecause: null,
  },
  'root-ca': {
    algorithm: 'SM2',
    bytes: 32,
    each: 'gateway',
    usage: 'test certification authority: signs issuer certificates',
    keptBecause: 'cards carry certificates that lead to it',
  },
  issuer: {
    algorithm: 'SM2',
    bytes: 32,
    each: 'bank',
    usage: 'test issuer: signs card certificates',
    keptBecause: 'cards carry certificates that it signed',
  },
  'issuer-ac': {
    algorithm: 'SM4',
    bytes: 16,
    each: 'bank',
    usage: 'test issuer: master key of cryptograms',
    keptBecause: 'cards carry keys derived from it',
  },
  'issuer-mac': {
    algorithm: 'SM4',
    bytes: 16,
    each: 'bank',
    usage: 'test issuer: master key of the MAC in issuer data',
    keptBecause: 'cards carry keys derived from it',
  },
  terminal: {
    algorithm: 'SM2',
    bytes: 32,
    each: 'terminal',
    usage: 'test terminal: proves itself to the gateway; a real one keeps its own',
    keptBecause: null,
  },
} as const satisfies Record<string, KeyKind>;

export type KeyKindName = keyof typeof KEY_KINDS;

export function isKeyKind(name: string): name is KeyKindName {
  return Object.hasOwn(KEY_KINDS, name);
}

/** The kind that a key id begins with: `issuer/XYZ` is of kind issuer. Null for an id of no kind. */
export function kindOfKey(id: string): { readonly name: KeyKindName; readonly kind: KeyKind } | null {
  const name = id.split('/', 1)[0] ?? '';
  return isKeyKind(name) ? { name, kind: KEY_KINDS[name] } : null;
}
