import { simpleType } from './simple-types.ts';

/**
 * A compact notation for what elements a message has, in which order and how often. One line a type:
 *
 *   GroupHeader = MsgId:text35 CreDtTm:dateTime Authstn{0,2}:Authorisation NbOfTxs:digits15
 *   Account choice = IBAN:iban Othr:OtherAccount
 *
 * After a name: nothing = once, `?` = at most once, `*` = any number, `+` = at least once, `{a,b}`. Then `@<04`, `@>=04` where
 * only some versions of the message have it, `@g<3`, `@g>=3` where only some generations of the shared parts do. After the colon: the name of another line, a simple type, `=A/B/C` for a list of codes, `amount` (a number with
 * the attribute Ccy), `any` for a branch that is taken as it is, or `envelope` for one element of any name. `choice` = exactly one of them.
 */
export type Particle = {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly type: ElementType;
};

export type ElementType =
  | { readonly kind: 'sequence' | 'choice'; readonly particles: readonly Particle[] }
  | { readonly kind: 'simple'; readonly accepts: (value: string) => boolean }
  | { readonly kind: 'amount' }
  | { readonly kind: 'any' }
  /** one element, whatever it is */
  | { readonly kind: 'envelope' };

export type Grammar = {
  /** the only child of Document */
  readonly root: Particle;
};

const LINE = /^(\w+)( choice)? = (.*)$/;
const ITEM = /^(\w+)([?*+]|\{(\d+),(\d+)\})?((?:@g?(?:<|>=)\d+)*):(\S+)$/;
const BOUND = /@(g?)(<|>=)(\d+)/g;

/**
 * Reads a grammar for one version of a message.
 *
 * @param edition version: the message's last part, e.g. 8 of pain.008.001.08; generation: that of the shared parts
 * @throws RangeError for a line that is not of the notation or a type that no line defines
 */
export function compileGrammar(
  source: string,
  rootItem: string,
  edition: { readonly version: number; readonly generation: number },
): Grammar {
  const lines = new Map<
    string,
    { readonly kind: 'sequence' | 'choice'; readonly items: readonly string[] }
  >();
  for (const line of source.split('\n').map((text) => text.trim())) {
    if (line === '') continue;
    const match = LINE.exec(line);
    if (match?.[1] === undefined || match[3] === undefined)
      throw new RangeError(`not a line of a grammar: ${line}`);
    if (lines.has(match[1])) throw new RangeError(`type ${match[1]} is defined twice`);
    lines.set(match[1], {
      kind: match[2] === undefined ? 'sequence' : 'choice',
      items: match[3].split(/\s+/),
    });
  }
  const compiled = new Map<string, ElementType>();

  const typeOf = (name: string): ElementType => {
    const present = compiled.get(name);
    if (present !== undefined) return present;
    const made = makeType(name);
    compiled.set(name, made);
    return made;
  };
  const makeType = (name: string): ElementType => {
    if (name === 'any') return { kind: 'any' };
    if (name === 'envelope') return { kind: 'envelope' };
    if (name === 'amount') return { kind: 'amount' };
    if (name.startsWith('=')) {
      const codes = new Set(name.slice(1).split('/'));
      return { kind: 'simple', accepts: (value) => codes.has(value) };
    }
    const line = lines.get(name);
    if (line === undefined) return { kind: 'simple', accepts: simpleType(name) };
    const particles: Particle[] = [];
    const type: ElementType = { kind: line.kind, particles };
    // A type may contain itself: it must be known before its particles are.
    compiled.set(name, type);
    for (const item of line.items) particles.push(...particleOf(item));
    return type;
  };
  const particleOf = (item: string): Particle[] => {
    const match = ITEM.exec(item);
    if (match === null) throw new RangeError(`not an element of a grammar: ${item}`);
    const [, name = '', card, low, high, bounds = '', type = ''] = match;
    for (const [, generation, comparison, limit] of bounds.matchAll(BOUND)) {
      const value = generation === 'g' ? edition.generation : edition.version;
      if (comparison === '<' ? value >= Number(limit) : value < Number(limit)) return [];
    }
    const [min, max] = cardinality(card, low, high);
    return [{ name, min, max, type: typeOf(type) }];
  };

  const [root] = particleOf(rootItem);
  if (root === undefined) throw new RangeError('a message has a root element');
  return { root };
}

function cardinality(
  card: string | undefined,
  low: string | undefined,
  high: string | undefined,
): [number, number] {
  switch (card) {
    case undefined:
      return [1, 1];
    case '?':
      return [0, 1];
    case '*':
      return [0, Infinity];
    case '+':
      return [1, Infinity];
    default:
      return [Number(low), Number(high)];
  }
}
