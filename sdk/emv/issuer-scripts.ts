import { parseTlv } from './ber-tlv.ts';

/** One template of commands from the issuer: 71 goes to the card before the final cryptogram, 72 after it. */
export type IssuerScript = {
  readonly stage: 'before_final_cryptogram' | 'after_final_cryptogram';
  /** 9F18; null where the issuer gave none */
  readonly identifier: Uint8Array | null;
  /** 86 in their order, verbatim: nobody between issuer and card reads them */
  readonly commands: readonly Uint8Array[];
};

/** What an answer may carry; EMV gives a whole script 128 bytes (general knowledge). */
const SCRIPT_BYTES_MAX = 1_024;
const STAGES: Readonly<Record<string, IssuerScript['stage']>> = {
  '71': 'before_final_cryptogram',
  '72': 'after_final_cryptogram',
};

/**
 * Takes an issuer's scripts apart into the commands to pass on.
 *
 * @param templates 71 and 72 as they came, any number of them
 * @returns null when they are longer than SCRIPT_BYTES_MAX, are no TLV, or hold anything but 71 and 72
 * @spec pboc-contactless.md 3 (71, 72, 86, 9F18); 86 repeats in its template, which only the lenient reader takes
 */
export function parseIssuerScripts(templates: Uint8Array): readonly IssuerScript[] | null {
  if (templates.length > SCRIPT_BYTES_MAX) return null;
  const parsed = parseTlv(templates, { mode: 'lenient' });
  if (!parsed.ok) return null;
  const scripts: IssuerScript[] = [];
  for (const { tag, children = [] } of parsed.nodes) {
    const stage = STAGES[tag];
    if (stage === undefined) return null;
    scripts.push({
      stage,
      identifier: children.find((node) => node.tag === '9F18')?.value ?? null,
      commands: children.filter((node) => node.tag === '86').map((node) => node.value),
    });
  }
  return scripts;
}
