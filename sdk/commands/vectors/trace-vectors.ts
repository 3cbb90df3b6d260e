import { findAll, parseTlv, type TlvNode } from '../../emv/ber-tlv.ts';
import { parsePan, parseTrack2 } from '../../emv/card-identity.ts';
import { hex } from '../../emv/hex.ts';
import { cryptogramTypeOfCid, firstCryptogramType, parseIad } from '../../emv/iad.ts';
import { vectorTree } from './ber-tlv-vectors.ts';
import { hexAt, isObject, listAt, VectorFormError, type VectorFormat } from './vector-case.ts';

/** Names that an outcome gives to objects without saying the tag; others end in it, e.g. ac_9F26. */
const TAG_OF_NAME: ReadonlyMap<string, string> = new Map([
  ['aip', '82'],
  ['afl', '94'],
  ['atc', '9F36'],
  ['ac', '9F26'],
  ['application_cryptogram', '9F26'],
  ['cid', '9F27'],
  ['ctq', '9F6C'],
  ['iad', '9F10'],
  ['psn', '5F34'],
  ['pan_sequence_number', '5F34'],
  ['expiry', '5F24'],
  ['df_name', '84'],
]);

/**
 * An exchange of commands and responses: every response body must parse to its stated tree, every status word be the stated
 * one, and the outcome be what a reader finds in the responses.
 */
export const traceVectors: VectorFormat = {
  name: 'card exchange',
  recognises: (vector) => Array.isArray(vector['steps']),
  judge(vector) {
    const values = new Map<string, unknown>();
    const expected: Record<string, unknown> = {};
    const responses: TlvNode[] = [];
    listAt(vector, 'steps').forEach((step, index) => {
      if (!isObject(step)) throw new VectorFormError('steps holds something that is not an object');
      const response = hexAt(step, 'response');
      const body = parseTlv(response.subarray(0, -2), { mode: 'lenient' });
      if (body.ok) responses.push(...body.nodes);
      for (const [key, value] of [
        ['sw', response.length >= 2 ? hex(response.subarray(-2)) : undefined],
        ['tree', body.ok ? vectorTree(body.nodes) : undefined],
      ] as const) {
        if (step[key] === undefined || step[key] === null) continue;
        expected[`steps[${index}].${key}`] = step[key];
        values.set(`steps[${index}].${key}`, value);
      }
    });
    const outcome = vector['outcome'];
    if (isObject(outcome)) {
      for (const [key, value] of Object.entries(outcome)) {
        expected[`outcome.${key}`] = value;
        const read = readOutcome(key, responses);
        if (read !== undefined) values.set(`outcome.${key}`, read);
      }
    }
    return { kind: 'computed', values, expected };
  },
};

/** What a reader finds under a name of the outcome; null where the card did not give it, undefined for an unknown name. */
function readOutcome(name: string, responses: readonly TlvNode[]): string | null | undefined {
  if (name === 'cryptogram_type') return cryptogramType(responses);
  const panTag = /^pan(?:_from_(5A|57))?$/.exec(name);
  if (panTag) return panOf(responses, panTag[1]);
  const tag = /_([0-9A-F]{2,6})$/.exec(name)?.[1] ?? TAG_OF_NAME.get(name);
  if (tag === undefined) return undefined;
  const value = firstValue(responses, tag);
  return value === undefined ? null : hex(value);
}

function firstValue(responses: readonly TlvNode[], tag: string): Uint8Array | undefined {
  return findAll(responses, tag)[0]?.value;
}

/** The type that 9F27 states, or where the card leaves it out, the CVR (pboc-contactless.md 2.5). */
function cryptogramType(responses: readonly TlvNode[]): string | null {
  const cid = firstValue(responses, '9F27');
  if (cid !== undefined) return cryptogramTypeOfCid(cid);
  const iad = parseIad(firstValue(responses, '9F10') ?? new Uint8Array());
  return iad === null ? null : firstCryptogramType(iad.cvr);
}

function panOf(responses: readonly TlvNode[], fromTag: string | undefined): string | null {
  const pan = firstValue(responses, '5A');
  const track2 = firstValue(responses, '57');
  const from5a = pan && fromTag !== '57' ? parsePan(pan) : null;
  const from57 = track2 && fromTag !== '5A' ? (parseTrack2(track2)?.pan ?? null) : null;
  return (from5a ?? from57)?.reveal() ?? null;
}
