/** What a gateway publishes to its terminals. `code` is the byte in file headers and store keys. */
export const LIST_KINDS = {
  hotlist: { code: 0x01, form: 'names' },
  concessions: { code: 0x02, form: 'names' },
  ca_keys: { code: 0x03, form: 'json' },
  gate_parameters: { code: 0x04, form: 'json' },
} as const satisfies Record<string, { readonly code: number; readonly form: 'names' | 'json' }>;

export type ListKind = keyof typeof LIST_KINDS;
/** A list of cards, each under the name that `hotlistKey` gives it: large, with deltas. */
export type NameListKind = 'hotlist' | 'concessions';

export const LIST_KIND_NAMES = Object.keys(LIST_KINDS).filter(isListKind);

export function isListKind(text: string): text is ListKind {
  return Object.hasOwn(LIST_KINDS, text);
}

export function isNameListKind(kind: ListKind): kind is NameListKind {
  return LIST_KINDS[kind].form === 'names';
}
