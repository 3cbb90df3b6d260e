import { parseTlv, type TlvNode, type TlvRefusal } from '../emv/ber-tlv.ts';
import { compressedDigits } from '../emv/bcd.ts';
import { parseDol } from '../emv/dol.ts';
import { hex } from '../emv/hex.ts';
import { findTag, type TagScope } from '../emv/tags.ts';

/** One object as it is shown: names from the dictionary, and its value unless it is hidden. */
export type ShownObject = {
  readonly tag: string;
  readonly offset: number;
  readonly length: number;
  /** null for a tag that the dictionary does not list */
  readonly english: string | null;
  readonly chinese: string | null;
  /** upper-case hex; null for a template, and for a value that is masked */
  readonly value: string | null;
  readonly masked: boolean;
  /** a reading of the value: text, or the tags of a list; null where the bytes say enough */
  readonly meaning: string | null;
  readonly children?: readonly ShownObject[];
};

export type ShownTlv =
  | { readonly ok: true; readonly objects: readonly ShownObject[]; readonly kernelRefusal: TlvRefusal | null }
  | { readonly ok: false; readonly refusal: TlvRefusal };

const DOL_TAGS: ReadonlySet<string> = new Set(['8C', '8D', '9F38', '9F49', '9F4F', 'DF14', 'DF4F']);

/**
 * Reads bytes as a tool does, leniently, and says besides whether a kernel would take them.
 *
 * @param options.unmask show values that name a person or an account; also hidden is every value that contains a PAN shown
 *   elsewhere in the same bytes
 */
export function showTlv(
  bytes: Uint8Array,
  options: { readonly unmask: boolean; readonly scope: TagScope },
): ShownTlv {
  const read = parseTlv(bytes, { mode: 'lenient' });
  if (!read.ok) return { ok: false, refusal: read.refusal };
  const strict = parseTlv(bytes, { mode: 'strict' });
  const pans = options.unmask ? [] : panDigits(read.nodes);
  const objects = read.nodes.map((node) => show(node, options, pans));
  return { ok: true, objects, kernelRefusal: strict.ok ? null : strict.refusal };
}

function show(
  node: TlvNode,
  options: { readonly unmask: boolean; readonly scope: TagScope },
  pans: readonly string[],
): ShownObject {
  const entry = findTag(node.tag, options.scope) ?? findTag(node.tag);
  const named = {
    tag: node.tag,
    offset: node.offset,
    length: node.value.length,
    english: entry?.english ?? null,
    chinese: entry?.chinese ?? null,
  };
  if (node.children !== undefined) {
    const children = node.children.map((child) => show(child, options, pans));
    return { ...named, value: null, masked: false, meaning: null, children };
  }
  const value = hex(node.value);
  const masked =
    !options.unmask &&
    node.value.length > 0 &&
    (entry?.sensitive === true || pans.some((pan) => value.includes(pan)));
  return {
    ...named,
    value: masked ? null : value,
    masked,
    meaning: masked ? null : meaningOf(node, entry?.format),
  };
}

/** Digits of the PANs that the bytes name in 5A and 57, to hide them wherever else they stand. */
function panDigits(nodes: readonly TlvNode[]): string[] {
  return nodes.flatMap(({ tag, value, children }) => {
    if (children !== undefined) return panDigits(children);
    const digits =
      tag === '5A' ? compressedDigits(value) : tag === '57' ? (hex(value).split('D')[0] ?? null) : null;
    return digits !== null && digits.length >= 8 ? [digits] : [];
  });
}

function meaningOf(node: TlvNode, format: string | undefined): string | null {
  if (node.value.length === 0) return null;
  if (DOL_TAGS.has(node.tag)) {
    const dol = parseDol(node.value);
    return dol.ok ? dol.entries.map(({ tag, length }) => `${tag}(${length})`).join(' ') : null;
  }
  return format === 'an' || format === 'ans' ? printableText(node.value) : null;
}

/** ASCII, else GBK (pboc-contactless.md 8); null where either holds anything that a terminal would act on. */
function printableText(value: Uint8Array): string | null {
  try {
    const text = new TextDecoder('gbk', { fatal: true }).decode(value);
    return /^[\p{L}\p{N}\p{P}\p{S} ]+$/u.test(text) ? `"${text}"` : null;
  } catch {
    return null;
  }
}

/** The tree as lines of text, two spaces for each level. */
export function tlvLines(objects: readonly ShownObject[], indent = ''): string[] {
  return objects.flatMap((object) => {
    const name =
      object.english === null ? 'not in the dictionary' : `${object.english} ${object.chinese ?? ''}`;
    const head = `${indent}${object.tag} ${name} [${object.length}]`;
    if (object.children !== undefined) return [head, ...tlvLines(object.children, `${indent}  `)];
    const value = object.masked ? '(masked)' : (object.value ?? '');
    return [[head, value, object.meaning ?? ''].filter((part) => part !== '').join(' ')];
  });
}

/** Where a broken input breaks, and what was expected there. */
export function refusalLine(refusal: TlvRefusal): string {
  const path = refusal.path.length === 0 ? '' : ` in ${refusal.path.join(' ')}`;
  return `${refusal.code} at offset ${refusal.offset}${path}: expected ${refusal.expected}`;
}
