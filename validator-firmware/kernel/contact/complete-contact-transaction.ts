import type { CryptogramType } from '@tapgate/sdk/emv/iad';
import { type IssuerScript, parseIssuerScripts } from '@tapgate/sdk/emv/issuer-scripts';
import { refuse } from '@tapgate/sdk/wire/refusals';
import { type Dialogue, exchange, statusWordText } from '../card-dialogue.ts';
import { analyseUnableToGoOnline, issuerActionCodes, terminalActionCodes } from './action-analysis.ts';
import { exchangeByContact, isOk } from './contact-dialogue.ts';
import type { ContactOutcome, IssuerAnswer } from './contact-outcome.ts';
import { type ContactEnding, type ContactRun, PROTOCOL_ERROR } from './contact-run.ts';
import { generateCryptogram } from './generate-cryptogram.ts';
import type { TvrBit } from './verification-results.ts';

const AIP_ISSUER_AUTHENTICATION = 0x04;
/** Authorisation response codes that approve (8A): approved, and approved with identification or partial amount. */
const APPROVALS = ['00', '10', '11'];
/** What the terminal writes into 8A itself when nobody could be asked: approved or declined offline. */
const UNABLE_APPROVED = Buffer.from('Y3', 'ascii');
const UNABLE_DECLINED = Buffer.from('Z3', 'ascii');
/** 91: ARPC 8 with the response code, and up to 6 more (pboc-contactless.md 3). */
const ISSUER_DATA_BYTES = { min: 8, max: 16 };

/**
 * The second half of a transaction that went online: issuer authentication, scripts as they came, the final cryptogram.
 *
 * @param run the `pending` of the first half
 * @param answer null where the issuer could not be asked: the default action codes decide
 * @refuses card_torn, card_protocol_error, card_data_missing (8D), card_declined
 * @spec pboc-contactless.md 5.5 (ARPC, scripts); the order is EMV Book 3 sections 10.9 to 10.11 (general knowledge)
 */
export function* completeContactTransaction(
  run: ContactRun,
  answer: IssuerAnswer | null,
): Dialogue<ContactOutcome> {
  if (answer === null) return yield* completeWithoutIssuer(run);
  run.note('online_processing', 'answered');
  const application = run.opened();
  application.terminal.set('8A', answer.responseCode);
  if (answer.authenticationData !== null) application.terminal.set('91', answer.authenticationData);

  if (answer.scripts.length > 0) run.scripts = answer.scripts;
  const scripts = parseIssuerScripts(answer.scripts);
  if (scripts === null) {
    run.note('online_processing', 'scripts_unreadable');
    run.results.found('script_failed_before_final_cryptogram');
  }
  const authentication = yield* authenticateIssuer(run, answer);
  if (authentication !== null) return run.end(authentication);
  const critical = yield* passOnScripts(run, scripts ?? [], 'before_final_cryptogram');
  if (critical !== null) return run.end(critical);
  const approved = APPROVALS.includes(Buffer.from(answer.responseCode).toString('ascii'));
  const ending = yield* finish(run, approved ? 'TC' : 'AAC');
  const following = yield* passOnScripts(run, scripts ?? [], 'after_final_cryptogram');
  // The final cryptogram stands, whatever becomes of what is said after it.
  if (following !== null) run.note('script_processing', 'interrupted');
  return run.end(ending);
}

/** Nobody could be asked: the default action codes of both sides decide what the card is asked for. */
export function* completeWithoutIssuer(run: ContactRun): Dialogue<ContactOutcome> {
  run.note('online_processing', 'unable');
  const application = run.opened();
  const requested = analyseUnableToGoOnline(run.results.tvr, {
    issuer: issuerActionCodes(run.objects),
    terminal: terminalActionCodes(application.parameters),
  });
  application.terminal.set('8A', requested === 'TC' ? UNABLE_APPROVED : UNABLE_DECLINED);
  return run.end(yield* finish(run, requested));
}

/** The card checks the issuer's cryptogram, where it says that it can (82 byte 1 b3); otherwise 91 goes with CDOL2. */
function* authenticateIssuer(run: ContactRun, answer: IssuerAnswer): Dialogue<ContactEnding | null> {
  const [aip = 0] = run.objects.get('82') ?? [];
  const data = answer.authenticationData;
  if (data === null || (aip & AIP_ISSUER_AUTHENTICATION) === 0) {
    run.note('issuer_authentication', 'not_performed');
    return null;
  }
  if (data.length < ISSUER_DATA_BYTES.min || data.length > ISSUER_DATA_BYTES.max) {
    run.results.found('issuer_authentication_failed');
    run.note('issuer_authentication', 'data_length');
    return null;
  }
  const command = Buffer.concat([Uint8Array.of(0x00, 0x82, 0x00, 0x00, data.length), data]);
  const reply = yield* exchangeByContact(run.budget, command);
  if (reply.kind !== 'reply') return run.endOfSilence('issuer_authentication', reply);
  run.results.performed('issuer_authentication_performed');
  if (!isOk(reply)) run.results.found('issuer_authentication_failed');
  run.note('issuer_authentication', isOk(reply) ? 'holds' : 'failed', reply.sw);
  return null;
}

const FAILURES: Readonly<Record<IssuerScript['stage'], TvrBit>> = {
  before_final_cryptogram: 'script_failed_before_final_cryptogram',
  after_final_cryptogram: 'script_failed_after_final_cryptogram',
};

/**
 * Hands the commands of a stage to the card as they came, script by script, each until one of its commands is refused; nothing in
 * them is interpreted, and nothing is asked for again: a repeated or changed command would not carry its MAC.
 */
function* passOnScripts(
  run: ContactRun,
  scripts: readonly IssuerScript[],
  stage: IssuerScript['stage'],
): Dialogue<ContactEnding | null> {
  for (const script of scripts.filter((one) => one.stage === stage)) {
    for (const [index, command] of script.commands.entries()) {
      run.results.performed('script_processing_performed');
      const result = { stage, identifier: script.identifier, commandNumber: index + 1 };
      if (!isShortCommand(command)) {
        run.results.found(FAILURES[stage]);
        run.scriptResults.push({ ...result, statusWord: null });
        run.note('script_processing', 'command_length');
        break;
      }
      const reply = yield* exchange(run.budget, command);
      if (reply.kind !== 'reply') {
        run.scriptResults.push({ ...result, statusWord: null });
        return run.endOfSilence('script_processing', reply);
      }
      run.scriptResults.push({ ...result, statusWord: statusWordText(reply.sw) });
      const isTaken = isOk(reply) || SW1_TAKEN.has(reply.sw >> 8);
      run.note('script_processing', isTaken ? 'taken' : 'refused', reply.sw);
      if (!isTaken) {
        run.results.found(FAILURES[stage]);
        break;
      }
    }
  }
  return null;
}

/** Warnings, and data that waits (T=0), are no refusals. */
const SW1_TAKEN: ReadonlySet<number> = new Set([0x61, 0x62, 0x63]);

/** Whether a reader can send it: a header, and where there is a fifth byte, data of that length and perhaps Le. */
function isShortCommand(command: Uint8Array): boolean {
  const dataBytes = command[4];
  if (command.length < 4 || dataBytes === undefined) return command.length === 4;
  return command.length === 5 || command.length === 5 + dataBytes || command.length === 6 + dataBytes;
}

function* finish(run: ContactRun, requested: CryptogramType): Dialogue<ContactEnding> {
  const ending = yield* generateCryptogram(run, 'completion', requested);
  if (ending !== null) return ending;
  if (run.cryptogram?.type === 'TC')
    return requested === 'TC' ? { kind: 'approved', refusal: null } : PROTOCOL_ERROR;
  return { kind: 'declined', refusal: refuse('card_declined') };
}
