import { isTerminalId, type TerminalId } from '../wire/identifiers.ts';
import { isListKind, isNameListKind, type ListKind } from './list-kinds.ts';
import { rollOutPlace, SHARE_ALL } from './roll-out.ts';

/** For whom a list is: every terminal, those of one operator, or those that are named. */
export type ListScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'operator'; readonly operatorId: string }
  | { readonly kind: 'terminals'; readonly terminalIds: readonly string[] };

/** What a gateway says of one body: the same for a hotlist of ten million names and for a handful of gate parameters. */
export type ListStatement = {
  readonly kind: ListKind;
  readonly version: number;
  /** the version that this body changes; null for a body that is whole */
  readonly baseVersion: number | null;
  /** not to be used before, ms since the Unix epoch */
  readonly validFromMs: number;
  /** when the gateway last said that this version is the one to have: the list's age counts from here */
  readonly madeAtMs: number;
  readonly scope: ListScope;
  /** to so many of a thousand terminals (roll-out.ts) */
  readonly sharePermille: number;
  readonly bodyBytes: number;
  /** piece-hash.ts, 64 upper-case hex digits */
  readonly bodySm3: string;
  /** under which key the cards are named; null for a list of no cards */
  readonly listKeyId: string | null;
};

/**
 * A statement with its signature, as it travels. `statement` is the JSON text itself and is never written anew: what is signed are
 * its bytes, after the prefix that keeps a signature from being one of something else.
 */
export type ListEnvelope = {
  readonly statement: string;
  readonly keyId: string;
  /** SM2, r and s, 64 bytes, base64 */
  readonly signature: string;
};

export function listSigningMessage(statement: string): Uint8Array {
  return Buffer.from(`tapgate-list|${statement}`, 'utf8');
}

export type ListRefusalCode =
  | 'list_malformed'
  | 'list_key_unknown'
  | 'list_signature_invalid'
  | 'list_kind_differs'
  | 'list_not_for_terminal'
  | 'list_not_valid_yet'
  | 'list_downgrade'
  | 'list_base_differs';

/** What a terminal knows when it is offered a list. */
export type ListRecipient = {
  readonly terminalId: TerminalId;
  readonly operatorId: string;
  /** whether the signature (64 bytes) is one of the key of that id; null for a key that this terminal was not given */
  verify(keyId: string, message: Uint8Array, signatureRs: Uint8Array): boolean | null;
};

export type HeldVersion = { readonly version: number; readonly madeAtMs: number };

export type EnvelopeJudgement =
  | { readonly ok: true; readonly statement: ListStatement }
  | { readonly ok: false; readonly code: ListRefusalCode };

/**
 * Decides whether a terminal takes what an envelope announces. Before the signature holds nothing else of it is believed.
 *
 * @param held the version of this kind in use and when it was said to be current; null for none
 * @refuses in this order: list_key_unknown, list_signature_invalid, list_malformed, list_kind_differs, list_not_for_terminal,
 *   list_not_valid_yet, list_downgrade (an older version, or an older word on the same), list_base_differs
 */
export function judgeEnvelope(
  envelope: ListEnvelope,
  order: {
    readonly kind: ListKind;
    readonly recipient: ListRecipient;
    readonly held: HeldVersion | null;
    readonly nowMs: number;
  },
): EnvelopeJudgement {
  const { recipient, held, nowMs } = order;
  const signature = Buffer.from(envelope.signature, 'base64');
  const verifies = recipient.verify(envelope.keyId, listSigningMessage(envelope.statement), signature);
  if (verifies === null) return refused('list_key_unknown');
  if (!verifies) return refused('list_signature_invalid');
  const statement = parseListStatement(envelope.statement);
  if (statement === null) return refused('list_malformed');
  if (statement.kind !== order.kind) return refused('list_kind_differs');
  if (!isFor(statement, recipient)) return refused('list_not_for_terminal');
  if (statement.validFromMs > nowMs) return refused('list_not_valid_yet');
  if (held !== null && isDowngrade(statement, held)) return refused('list_downgrade');
  const changesHeld = statement.baseVersion === null || statement.baseVersion === held?.version;
  const repeatsHeld = statement.version === held?.version;
  if (!changesHeld && !repeatsHeld) return refused('list_base_differs');
  return { ok: true, statement };
}

const refused = (code: ListRefusalCode): EnvelopeJudgement => ({ ok: false, code });

function isDowngrade(statement: ListStatement, held: HeldVersion): boolean {
  if (statement.version !== held.version) return statement.version < held.version;
  return statement.madeAtMs < held.madeAtMs;
}

/** Whether a statement is meant for a terminal: by its scope, and by the share that it is rolled out to. */
export function isFor(
  statement: Pick<ListStatement, 'kind' | 'scope' | 'sharePermille'>,
  terminal: { readonly terminalId: TerminalId; readonly operatorId: string },
): boolean {
  const { scope } = statement;
  const { terminalId } = terminal;
  if (scope.kind === 'operator' && scope.operatorId !== terminal.operatorId) return false;
  if (scope.kind === 'terminals' && !scope.terminalIds.includes(terminalId)) return false;
  return (
    statement.sharePermille >= SHARE_ALL || rollOutPlace(statement.kind, terminalId) < statement.sharePermille
  );
}

/** The text that is signed: fields in this order, no space. */
export function writeListStatement(statement: ListStatement): string {
  const { kind, version, baseVersion, validFromMs, madeAtMs, scope } = statement;
  const { sharePermille, bodyBytes, bodySm3, listKeyId } = statement;
  const place = { validFromMs, madeAtMs, scope, sharePermille };
  return JSON.stringify({ kind, version, baseVersion, ...place, bodyBytes, bodySm3, listKeyId });
}

/** @returns null for a text that `writeListStatement` would not write */
export function parseListStatement(text: string): ListStatement | null {
  const read = parseObject(text);
  if (read === null) return null;
  const { kind, version, baseVersion, validFromMs, madeAtMs } = read;
  const { sharePermille, bodyBytes, bodySm3, listKeyId } = read;
  const scope = parseScope(read['scope']);
  if (typeof kind !== 'string' || !isListKind(kind) || scope === null) return null;
  if (!isWhole(version) || !isWhole(validFromMs) || !isWhole(madeAtMs) || !isWhole(bodyBytes)) return null;
  if (baseVersion !== null && !(isWhole(baseVersion) && baseVersion < version)) return null;
  if (!isWhole(sharePermille) || sharePermille > SHARE_ALL) return null;
  if (typeof bodySm3 !== 'string' || !/^[0-9A-F]{64}$/.test(bodySm3)) return null;
  const isNamed = typeof listKeyId === 'string' && /^[0-9A-F]{16}$/.test(listKeyId);
  if (isNameListKind(kind) !== isNamed || (!isNamed && listKeyId !== null)) return null;
  const statement = {
    ...{ kind, version, baseVersion, validFromMs, madeAtMs, scope },
    ...{ sharePermille, bodyBytes, bodySm3, listKeyId: isNamed ? listKeyId : null },
  };
  return writeListStatement(statement) === text ? statement : null;
}

function parseScope(value: unknown): ListScope | null {
  if (!isObject(value)) return null;
  const { kind, operatorId, terminalIds } = value;
  if (kind === 'all') return { kind };
  if (kind === 'operator' && typeof operatorId === 'string') return { kind, operatorId };
  if (kind !== 'terminals' || !Array.isArray(terminalIds)) return null;
  const named = terminalIds.filter((id): id is string => typeof id === 'string' && isTerminalId(id));
  return named.length === terminalIds.length ? { kind, terminalIds: named } : null;
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const isWhole = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
