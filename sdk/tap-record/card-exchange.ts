import { parseAfl } from '../emv/afl.ts';
import { parseTlv, type TlvNode } from '../emv/ber-tlv.ts';
import { equalBytes } from '../emv/hex.ts';
import { proofRefusalOf } from '../emv/oda-refusal.ts';
import { buildStaticData, type ReadRecord } from '../emv/static-data.ts';
import { type ProofRefusalCode, type Refusal, refuse } from '../wire/refusals.ts';
import { type DataObjects, ObjectTable, valueOf } from './object-table.ts';
import type { CardRecord, TapRecord } from './tap-record.ts';

/** What a card said and was told in one tap, verbatim: the parts of a tap record from which a proof is made. */
export type CardExchange = Pick<TapRecord, 'terminalData' | 'gpoResponse' | 'cardRecords'>;

export type { DataObjects } from './object-table.ts';

export type CardObjectsResult =
  | { readonly ok: true; readonly objects: DataObjects }
  | { readonly ok: false; readonly refusal: Refusal<'card_data_missing' | 'card_data_invalid'> };

/**
 * The primitive data objects that the card gave, from the GPO response (template 77, or 80 with AIP and AFL only) and from the
 * records of SFI 1 to 10, which are templates 70; those of SFI 11 to 30 are the issuer's own format and only signed. An object that is repeated must repeat its value: EMV permits no redundant objects, and a card that names two
 * accounts or two expiry dates is refused (pboc-contactless.md 2.6).
 *
 * @refuses card_data_missing (E1.E4) without a GPO response; card_data_invalid with the tag of the object or, where a template
 *   cannot be read, with the path of its field of the tap record
 */
export function readCardObjects(
  exchange: Pick<CardExchange, 'gpoResponse' | 'cardRecords'>,
): CardObjectsResult {
  if (exchange.gpoResponse === null) return { ok: false, refusal: refuse('card_data_missing', 'E1.E4') };
  const table = tableOf(exchange.gpoResponse, exchange.cardRecords);
  if (table !== null) return { ok: true, objects: table };
  const gpoObjects = readGpoResponse(exchange.gpoResponse);
  if (gpoObjects === null) return invalid('E1.E4');

  const objects = new Map<string, Uint8Array>();
  const conflict = addObjects(objects, gpoObjects);
  if (conflict !== null) return invalid(conflict);
  for (const record of exchange.cardRecords) {
    if (record.sfi > TEMPLATE_SFI_MAX) continue;
    const template = parseTlv(record.body);
    const [node, ...surplus] = template.ok ? template.nodes : [];
    if (node?.tag !== '70' || surplus.length > 0) return invalid('E1.E5');
    const recordConflict = addObjects(objects, node.children ?? []);
    if (recordConflict !== null) return invalid(recordConflict);
  }
  return { ok: true, objects };
}

const TEMPLATE_SFI_MAX = 10;

const GPO_TEMPLATE = 0x77;
const RECORD_TEMPLATE = 0x70;

/** What nearly every card gives: template 77, templates 70, every object primitive and once. Null for anything else. */
function tableOf(gpoResponse: Uint8Array, cardRecords: readonly CardRecord[]): ObjectTable | null {
  const table = new ObjectTable();
  if (!addTemplate(table, gpoResponse, GPO_TEMPLATE)) return null;
  for (const { sfi, body } of cardRecords)
    if (sfi <= TEMPLATE_SFI_MAX && !addTemplate(table, body, RECORD_TEMPLATE)) return null;
  return table;
}

function addTemplate(table: ObjectTable, template: Uint8Array, tag: number): boolean {
  if (template[0] !== tag) return false;
  const value = valueOf(template, 1, template.length);
  return value?.end === template.length && table.addAll(template, value.start, value.end);
}

function invalid(field: string): CardObjectsResult {
  return { ok: false, refusal: refuse('card_data_invalid', field) };
}

type FlatObject = Pick<TlvNode, 'tag' | 'value'> & { readonly children?: TlvNode['children'] };

/**
 * The objects of a GPO response: those of template 77, or AIP (2 bytes) and AFL of template 80.
 *
 * @returns null when it is neither
 * @spec pboc-contactless.md 2.2 row 3
 */
export function readGpoResponse(response: Uint8Array): readonly FlatObject[] | null {
  const parsed = parseTlv(response);
  const [template, ...surplus] = parsed.ok ? parsed.nodes : [];
  if (template === undefined || surplus.length > 0) return null;
  if (template.tag === '77') return template.children ?? [];
  if (template.tag !== '80' || template.value.length < 2) return null;
  return [
    { tag: '82', value: template.value.subarray(0, 2) },
    { tag: '94', value: template.value.subarray(2) },
  ];
}

/** @returns the tag of the first object whose value differs from the one that is already there */
function addObjects(objects: Map<string, Uint8Array>, nodes: readonly FlatObject[]): string | null {
  for (const node of nodes) {
    if (node.children !== undefined) {
      const conflict = addObjects(objects, node.children);
      if (conflict !== null) return conflict;
      continue;
    }
    const present = objects.get(node.tag);
    if (present !== undefined && !equalBytes(present, node.value)) return node.tag;
    objects.set(node.tag, node.value);
  }
  return null;
}

export type StaticDataResult =
  | { readonly ok: true; readonly staticData: Uint8Array }
  | { readonly ok: false; readonly refusal: Refusal<ProofRefusalCode> };

const NOTHING = new Uint8Array(0);

/**
 * The static data to be authenticated: the AFL's records that take part, in its order, and the AIP where 9F4A asks for it.
 *
 * @refuses card_data_invalid (94) for a locator that is none; card_data_missing (E1.E5) for a record that takes part and was not
 *   read; what buildStaticData refuses
 * @spec pboc-contactless.md 4.2, rules 1 to 4
 */
export function collectStaticData(
  objects: DataObjects,
  cardRecords: readonly CardRecord[],
): StaticDataResult {
  const locator = parseAfl(objects.get('94') ?? NOTHING);
  if (!locator.ok) return { ok: false, refusal: refuse('card_data_invalid', '94') };
  const records: ReadRecord[] = [];
  for (const { sfi, record, offlineAuth } of locator.records) {
    if (!offlineAuth) continue;
    const read = cardRecords.find((candidate) => candidate.sfi === sfi && candidate.recordNumber === record);
    if (read === undefined) return { ok: false, refusal: refuse('card_data_missing', 'E1.E5') };
    records.push({ sfi, record, offlineAuth, body: read.body });
  }
  const built = buildStaticData(records, objects.get('9F4A') ?? null, objects.get('82') ?? NOTHING);
  if (built.ok) return { ok: true, staticData: built.data };
  return { ok: false, refusal: refuse(proofRefusalOf(built.refusal.code), built.refusal.field) };
}
