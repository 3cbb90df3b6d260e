import { parseAfl, readRecordCommand } from '@tapgate/sdk/emv/afl';
import { findTlv, parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { buildDolData, type DolEntry, parseDol } from '@tapgate/sdk/emv/dol';
import type { CryptogramType } from '@tapgate/sdk/emv/iad';
import { proofRefusalOf } from '@tapgate/sdk/emv/oda-refusal';
import { readGpoResponse } from '@tapgate/sdk/tap-record/card-exchange';
import { readEvidence, type TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import type { CardRecord } from '@tapgate/sdk/tap-record/tap-record';
import { type Refusal, refuse } from '@tapgate/sdk/wire/refusals';
import {
  type Candidate,
  candidatesOfDirectory,
  candidatesOfTerminal,
  DIRECTORY_NAME,
  isNameOf,
} from './candidate-list.ts';
import {
  CommandBudget,
  type Dialogue,
  exchange,
  type Reply,
  statusWordText,
  SW_OK,
} from './card-dialogue.ts';
import { PDOL_DATA_BYTES_MAX, processingOptionsCommand, selectCommand } from './commands.ts';
import { authenticateCard } from './data-authentication.ts';
import type { CardAuthority } from './key-chain.ts';
import { EVIDENCE_BYTES_MAX } from './evidence-limit.ts';
import type { KernelOutcome, SelectedExchange } from './kernel-outcome.ts';
import type { KernelPhase, TraceEntry } from './phases.ts';
import { type PreparedApplication, preProcess } from './pre-processing.ts';
import { findRestriction } from './restrictions.ts';
import {
  encodeTerminalData,
  type TapParameters,
  type TerminalData,
  terminalDataOf,
} from './terminal-data.ts';
import { baseTtqOf, type TerminalProfile } from './terminal-profile.ts';

const SW_APPLICATION_BLOCKED = 0x6283;
const SW_USE_ANOTHER_INTERFACE = 0x6984;
const SW_CONDITIONS_NOT_SATISFIED = 0x6985;
const SW_NOT_FOUND = 0x6a82;

const SELECT_DIRECTORY = selectCommand(DIRECTORY_NAME);

type Ending = Pick<KernelOutcome, 'kind' | 'refusal'>;

const TORN: Ending = { kind: 'try_again', refusal: refuse('card_torn') };
const PROTOCOL_ERROR: Ending = { kind: 'declined', refusal: refuse('card_protocol_error') };
const UNSUPPORTED: Ending = { kind: 'declined', refusal: refuse('card_unsupported') };
const ANOTHER_INTERFACE: Ending = { kind: 'other_interface', refusal: refuse('card_unsupported') };

/**
 * One contactless tap: asks for APDUs, is given responses, ends in a named outcome whatever the card answers. The phases run in
 * the order of `phases.ts`; the card is needed for the first five and may leave before the others.
 *
 * NOTE row 4 of 2.2, READ and UPDATE CAPP DATA, is not sent: DF60 is told as 00, plain, so that no card awaits it.
 *
 * Bounded: at most COMMANDS_MAX commands, 258 bytes a response, EVIDENCE_BYTES_MAX kept.
 *
 * @param profile checked by `checkTerminalProfile`
 * @refuses card_torn, card_unsupported, card_protocol_error, card_declined, and every proof refusal
 * @spec pboc-contactless.md 2.1 to 2.8; `phases.ts` names the clause of each phase
 */
export function* tapTransaction(
  profile: TerminalProfile,
  tap: TapParameters,
  authority: CardAuthority,
): Dialogue<KernelOutcome> {
  const run = new TransactionRun();
  const ready = preProcess(profile, baseTtqOf(profile), tap.amountFen);
  run.note('pre_processing', ready.kind);
  if (ready.kind === 'zero_amount_offline_only') return run.end(UNSUPPORTED);
  if (ready.kind === 'over_transaction_limit') return run.end(ANOTHER_INTERFACE);

  const candidates = yield* readDirectory(run, profile, ready.applications);
  if ('kind' in candidates) return run.end(candidates);

  const opened = yield* openApplication(run, profile, tap, candidates);
  if (opened !== null) return run.end(opened);

  const unread = yield* readRecords(run);
  if (unread !== null && !(unread === 'last_record_lost' && profile.acceptsWithoutLastRecord))
    return run.end(unread === 'last_record_lost' ? TORN : unread);

  // From here on the card is not needed (2.2 row 6, 2.8: proof, dates and lists may wait until it has left).
  const decision = decideOfCard(run);
  if ('kind' in decision) return run.end(decision);
  const proofRefusal = proveCard(run, decision, tap, authority);
  if (proofRefusal !== null) return run.end(endOfFailedProof(profile, decision, proofRefusal));
  const typeRefusal = judgeCryptogramType(profile, decision.cryptogramType);
  if (typeRefusal !== null) {
    run.note('outcome', typeRefusal.code);
    return run.end({ kind: 'declined', refusal: typeRefusal });
  }
  const restriction = findRestriction(decision, profile.cardVerification);
  run.note('restrictions', restriction?.code ?? 'none');
  if (restriction !== null) return run.end(endOfRestriction(profile, decision, restriction));

  const asksNow = decision.cryptogramType === 'ARQC' && profile.onlineAuthorisation === 'live';
  run.note('outcome', asksNow ? 'online' : 'approved');
  return run.end({ kind: asksNow ? 'online' : 'approved', refusal: null });
}

/** What one run has gathered so far: the budget of commands, the trace, and the exchange as it grows. */
class TransactionRun {
  readonly budget = new CommandBudget();
  readonly #trace: TraceEntry[] = [];
  readonly cardRecords: CardRecord[] = [];
  dfName: Uint8Array | null = null;
  terminalData: Uint8Array = new Uint8Array(0);
  gpoResponse: Uint8Array | null = null;
  /** 94 as GPO gave it */
  afl: Uint8Array = new Uint8Array(0);
  evidence: TapEvidence | null = null;

  note(phase: KernelPhase, finding: string, sw?: number): void {
    this.#trace.push(
      sw === undefined ? { phase, finding } : { phase, finding, statusWord: statusWordText(sw) },
    );
  }

  /** The exchange to keep, once an application was selected. */
  exchange(): SelectedExchange | null {
    if (this.dfName === null) return null;
    const { dfName, terminalData, gpoResponse, cardRecords } = this;
    return { dfName, terminalData, gpoResponse, cardRecords };
  }

  end(ending: Ending): KernelOutcome {
    return {
      kind: ending.kind,
      refusal: ending.refusal,
      exchange: this.exchange(),
      evidence: this.evidence,
      cryptogramType: this.evidence?.cryptogramType ?? null,
      trace: this.#trace,
    };
  }
}

/** Notes a reply that is none, and says how the tap ends with it. */
function endOfSilence(
  run: TransactionRun,
  phase: KernelPhase,
  reply: Exclude<Reply, { kind: 'reply' }>,
): Ending {
  run.note(phase, reply.kind === 'torn' ? 'torn' : reply.finding);
  return reply.kind === 'torn' ? TORN : PROTOCOL_ERROR;
}

/** PPSE (2.3): 9000 lists the card's applications; 6A82 is a card without a directory; anything else is no card for a gate. */
function* readDirectory(
  run: TransactionRun,
  profile: TerminalProfile,
  applications: readonly PreparedApplication[],
): Dialogue<readonly Candidate[] | Ending> {
  const reply = yield* exchange(run.budget, SELECT_DIRECTORY);
  if (reply.kind !== 'reply') return endOfSilence(run, 'directory', reply);
  if (reply.sw === SW_NOT_FOUND && profile.withoutDirectory === 'try_applications') {
    run.note('directory', 'absent_trying_applications', reply.sw);
    return candidatesOfTerminal(applications);
  }
  if (reply.sw !== SW_OK) {
    run.note('directory', 'refused', reply.sw);
    return UNSUPPORTED;
  }
  const candidates = candidatesOfDirectory(reply.data, applications);
  if (candidates === null) {
    run.note('directory', 'unreadable', reply.sw);
    return PROTOCOL_ERROR;
  }
  run.note('directory', candidates.length === 0 ? 'no_candidate' : 'candidates', reply.sw);
  return candidates.length === 0 ? UNSUPPORTED : candidates;
}

/** Selects candidates one after the other until one gives its processing options (2.3). @returns null when one did */
function* openApplication(
  run: TransactionRun,
  profile: TerminalProfile,
  tap: TapParameters,
  candidates: readonly Candidate[],
): Dialogue<Ending | null> {
  for (const candidate of candidates) {
    const selected = yield* selectApplication(run, candidate);
    if (selected === 'next_candidate') continue;
    if ('kind' in selected) return selected;
    const terminal = terminalDataOf(profile, tap, candidate.prepared.ttq);
    const opened = yield* getProcessingOptions(run, selected, terminal);
    if (opened !== 'next_candidate') return opened;
  }
  run.dfName = null;
  return UNSUPPORTED;
}

type SelectedApplication = { readonly dfName: Uint8Array; readonly pdol: readonly DolEntry[] };

/** 6A82 and 6283 (blocked) pass on to the next candidate, 6A81 ends (the card is blocked), the rest is outside the protocol. */
function* selectApplication(
  run: TransactionRun,
  candidate: Candidate,
): Dialogue<SelectedApplication | 'next_candidate' | Ending> {
  const phase = 'application_selection';
  const reply = yield* exchange(run.budget, selectCommand(candidate.dfName));
  if (reply.kind !== 'reply') return endOfSilence(run, phase, reply);
  if (reply.sw === SW_NOT_FOUND || reply.sw === SW_APPLICATION_BLOCKED) {
    run.note(phase, 'next_candidate', reply.sw);
    return 'next_candidate';
  }
  if (reply.sw !== SW_OK) {
    run.note(phase, 'refused', reply.sw);
    return reply.sw === 0x6a81 ? UNSUPPORTED : PROTOCOL_ERROR;
  }
  const parsed = parseTlv(reply.data);
  const dfName = parsed.ok ? findTlv(parsed.nodes, '6F', '84')?.value : undefined;
  if (!parsed.ok || dfName === undefined || !isNameOf(candidate.prepared, dfName) || dfName.length > 16) {
    run.note(phase, 'unreadable', reply.sw);
    return PROTOCOL_ERROR;
  }
  // No PDOL, or one without the TTQ: this application does not do qPBOC on this interface (2.4).
  const list = parseDol(findTlv(parsed.nodes, '6F', 'A5', '9F38')?.value ?? new Uint8Array(0));
  if (!list.ok || list.totalLength > PDOL_DATA_BYTES_MAX) {
    run.note(phase, 'pdol_unreadable', reply.sw);
    return PROTOCOL_ERROR;
  }
  if (!list.entries.some((entry) => entry.tag === '9F66')) {
    run.note(phase, 'not_contactless', reply.sw);
    return 'next_candidate';
  }
  run.note(phase, 'selected', reply.sw);
  return { dfName, pdol: list.entries };
}

/**
 * 6985 passes on to the next candidate, 6984 asks for contact. After 9000 the ATC has moved and a debit may stand, so whatever
 * follows is evidence and no other candidate is tried.
 *
 * @spec pboc-contactless.md 2.3 (status words at GPO), 2.5 (reply), 2.6 (template 80)
 */
function* getProcessingOptions(
  run: TransactionRun,
  selected: SelectedApplication,
  terminal: TerminalData,
): Dialogue<Ending | null | 'next_candidate'> {
  const phase = 'processing_options';
  run.dfName = selected.dfName;
  run.terminalData = encodeTerminalData(terminal);
  const command = processingOptionsCommand(buildDolData(selected.pdol, [terminal]));
  const reply = yield* exchange(run.budget, command);
  if (reply.kind !== 'reply') return endOfSilence(run, phase, reply);
  if (reply.sw === SW_CONDITIONS_NOT_SATISFIED) {
    run.note(phase, 'next_candidate', reply.sw);
    return 'next_candidate';
  }
  if (reply.sw !== SW_OK || reply.data.length === 0) {
    run.note(phase, 'refused', reply.sw);
    return reply.sw === SW_USE_ANOTHER_INTERFACE ? ANOTHER_INTERFACE : PROTOCOL_ERROR;
  }
  run.gpoResponse = reply.data;
  const objects = readGpoResponse(reply.data);
  if (objects === null) {
    run.note(phase, 'unreadable', reply.sw);
    return { kind: 'declined', refusal: refuse('card_data_invalid', 'E1.E4') };
  }
  // Template 80 has AIP and AFL only: a full debit/credit application, not qPBOC (2.6).
  if (!objects.some((object) => object.tag === '9F26')) {
    run.note(phase, 'without_cryptogram', reply.sw);
    return UNSUPPORTED;
  }
  run.afl = objects.find((object) => object.tag === '94')?.value ?? run.afl;
  run.note(phase, 'options', reply.sw);
  return null;
}

/** Reads what the AFL lists (2.2 row 5, 4.2 rule 1). @returns null when all of it was read */
function* readRecords(run: TransactionRun): Dialogue<Ending | 'last_record_lost' | null> {
  const phase = 'card_data';
  const locator = parseAfl(run.afl);
  if (!locator.ok) {
    run.note(phase, 'locator_unreadable');
    return { kind: 'declined', refusal: refuse('card_data_invalid', '94') };
  }
  let kept = run.gpoResponse?.length ?? 0;
  for (const [index, { sfi, record }] of locator.records.entries()) {
    const reply = yield* exchange(run.budget, readRecordCommand(sfi, record));
    if (reply.kind !== 'reply') {
      const ending = endOfSilence(run, phase, reply);
      const isLast = index > 0 && index === locator.records.length - 1;
      return reply.kind === 'torn' && isLast ? 'last_record_lost' : ending;
    }
    kept += reply.data.length;
    if (reply.sw !== SW_OK || reply.data.length === 0 || kept > EVIDENCE_BYTES_MAX) {
      run.note(phase, kept > EVIDENCE_BYTES_MAX ? 'too_much_data' : 'record_refused', reply.sw);
      return PROTOCOL_ERROR;
    }
    run.cardRecords.push({ sfi, recordNumber: record, body: reply.data });
  }
  run.note(phase, 'read');
  return null;
}

/**
 * Reads the evidence, and the card's own word on the tap. AAC is a refusal that needs no proof.
 *
 * NOTE 2.7 lets an ARQC go online without a proof; here a terminal that asks now wants the objects of the proof as a deferring one
 * does, because the gateway proves every tap that it posts. A card that lacks them is declined, card_data_missing.
 */
function decideOfCard(run: TransactionRun): TapEvidence | Ending {
  const { terminalData, gpoResponse, cardRecords } = run;
  const read = readEvidence({ terminalData, gpoResponse, cardRecords });
  if (!read.ok) {
    run.note('card_decision', read.refusal.code);
    return { kind: 'declined', refusal: read.refusal };
  }
  run.evidence = read.evidence;
  run.note('card_decision', read.evidence.cryptogramType);
  if (read.evidence.cryptogramType === 'AAC') return { kind: 'declined', refusal: refuse('card_declined') };
  return read.evidence;
}

function proveCard(
  run: TransactionRun,
  evidence: TapEvidence,
  tap: TapParameters,
  authority: CardAuthority,
): Refusal | null {
  const refusal = authenticateCard(evidence, run.dfName ?? new Uint8Array(0), tap.localDate, authority);
  run.note('data_authentication', refusal?.code ?? 'proven');
  return refusal === null ? null : refuse(proofRefusalOf(refusal.code), refusal.field);
}

const CTQ_ONLINE_AFTER_FAILED_PROOF = 0x20;
const CTQ_CONTACT_AFTER_FAILED_PROOF = 0x10;
const CTQ_ONLINE_WHEN_EXPIRED = 0x08;

/** A card may ask for its issuer, or for contact, when its proof fails; where the terminal cannot, the tap ends (2.7). */
function endOfFailedProof(profile: TerminalProfile, evidence: TapEvidence, refusal: Refusal): Ending {
  const ctq = evidence.cardTransactionQualifiers?.[0] ?? 0;
  const isOfflinePayment = evidence.cryptogramType === 'TC';
  if (
    isOfflinePayment &&
    profile.onlineAuthorisation === 'live' &&
    (ctq & CTQ_ONLINE_AFTER_FAILED_PROOF) !== 0
  )
    return { kind: 'online', refusal: null };
  const readsContact = ((baseTtqOf(profile)[0] ?? 0) & 0x10) !== 0;
  if (isOfflinePayment && readsContact && (ctq & CTQ_CONTACT_AFTER_FAILED_PROOF) !== 0)
    return { kind: 'other_interface', refusal };
  return { kind: 'declined', refusal };
}

/** An expired card may be worth asking its issuer about (CTQ 1.4); every other restriction ends the tap. */
function endOfRestriction(profile: TerminalProfile, evidence: TapEvidence, refusal: Refusal): Ending {
  const ctq = evidence.cardTransactionQualifiers?.[0] ?? 0;
  const mayAsk = profile.onlineAuthorisation === 'live' && (ctq & CTQ_ONLINE_WHEN_EXPIRED) !== 0;
  if (refusal.code === 'card_expired' && mayAsk) return { kind: 'online', refusal: null };
  return { kind: 'declined', refusal };
}

/** A TC always pays; an ARQC is worth something only to a terminal that can ask, now or later (2.7; design.md "Rails"). */
function judgeCryptogramType(profile: TerminalProfile, type: CryptogramType): Refusal | null {
  const takes = type === 'TC' || profile.onlineAuthorisation !== 'none';
  return takes ? null : refuse('cryptogram_type_refused', '9F26');
}
