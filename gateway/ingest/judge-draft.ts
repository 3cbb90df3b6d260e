import type { TapDraft } from '@tapgate/sdk/tap-record/tap-draft';
import { parseTapDraft } from '@tapgate/sdk/tap-record/tap-draft';
import { verifyTapRecordMac } from '@tapgate/sdk/tap-record/tap-record-codec';
import type { PanToken, TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { JudgementCause, TapJudgement } from '@tapgate/sdk/wire/judgement';
import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { RecordAuthority } from './authenticate-record.ts';

/** A draft of a terminal of ours: whose act it asks about, under the names that the store has. */
export type AuthenticDraft = {
  readonly panToken: PanToken;
  readonly psn: number;
  readonly atc: number;
  /** null for a card of no cooperating bank */
  readonly bankId: string | null;
};

/** What the store knows of the card and its act. */
export type DraftFacts = {
  /** somebody reported this very act, and it proved itself */
  readonly isActReported: boolean;
  readonly isListed: boolean;
  /** the newest hotlist version; 0 before the first */
  readonly hotlistVersion: number;
};

export type DraftAuthentication =
  { readonly ok: true; readonly draft: AuthenticDraft } | { readonly ok: false; readonly refusal: Refusal };

/**
 * Reads a draft and decides whether a terminal of ours made it.
 *
 * @param sender the terminal whose session sent it
 * @refuses record_malformed, terminal_unknown, terminal_mac_invalid, terminal_revoked, terminal_mismatch, in this order
 */
export function authenticateDraft(
  bytes: Uint8Array,
  order: { readonly sender: TerminalId; readonly nowMs: number },
  authority: RecordAuthority,
): DraftAuthentication {
  const parsed = parseTapDraft(bytes);
  if (!parsed.ok) return refused(refuse(parsed.refusal.code, `draft.${parsed.refusal.field ?? ''}`));
  const { terminalId } = parsed.draft;
  const placement = authority.findPlacement(terminalId);
  if (placement === null) return refused(refuse('terminal_unknown', 'draft.terminalId'));
  if (!verifyTapRecordMac(parsed, (input) => authority.terminalMac(terminalId, input)))
    return refused(refuse('terminal_mac_invalid', 'draft.mac'));
  if (placement.revokedAtMs !== null && order.nowMs >= placement.revokedAtMs)
    return refused(refuse('terminal_revoked', 'draft.terminalId'));
  if (order.sender !== terminalId) return refused(refuse('terminal_mismatch', 'draft.terminalId'));
  return { ok: true, draft: namedAsStored(parsed.draft, authority) };
}

function namedAsStored(
  { pan, panSequenceNumber, atc }: TapDraft,
  authority: RecordAuthority,
): AuthenticDraft {
  const digits = pan.reveal();
  return {
    panToken: authority.panToken(digits),
    psn: Number(panSequenceNumber),
    atc,
    bankId: authority.bins.findBank(digits),
  };
}

/**
 * Says whether a gate should let the card through, of whose proof the gate has convinced itself. The first that applies, in the rank of
 * refusals.ts: atc_reused, hotlisted, bank_unknown. Unlike a record's, the standing is that of now: nobody has travelled yet.
 */
export function judgeDraft({ bankId }: Pick<AuthenticDraft, 'bankId'>, facts: DraftFacts): TapJudgement {
  const cause = causeOf(bankId, facts);
  return { judgement: cause === null ? 'pass' : 'refuse', cause, hotlistVersion: facts.hotlistVersion };
}

function causeOf(bankId: string | null, { isActReported, isListed }: DraftFacts): JudgementCause | null {
  if (isActReported) return 'atc_reused';
  if (isListed) return 'hotlisted';
  return bankId === null ? 'bank_unknown' : null;
}

const refused = (refusal: Refusal): DraftAuthentication => ({ ok: false, refusal });
