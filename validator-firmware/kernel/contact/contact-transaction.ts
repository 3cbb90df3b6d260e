import { findTlv, parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { readCardIdentity, type CardIdentity } from '@tapgate/sdk/emv/card-identity';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import type { CryptogramType } from '@tapgate/sdk/emv/iad';
import { proofRefusalOf } from '@tapgate/sdk/emv/oda-refusal';
import { collectStaticData, readCardObjects } from '@tapgate/sdk/tap-record/card-exchange';
import { type Refusal, refuse } from '@tapgate/sdk/wire/refusals';
import type { Dialogue } from '../card-dialogue.ts';
import { analyseAction, issuerActionCodes, terminalActionCodes } from './action-analysis.ts';
import { verifyCardholder } from './cardholder-verification.ts';
import { completeWithoutIssuer } from './complete-contact-transaction.ts';
import { authenticateByContact, chooseMethod } from './contact-data-authentication.ts';
import { exchangeByContact, isOk } from './contact-dialogue.ts';
import type { ContactOutcome } from './contact-outcome.ts';
import { type ContactEnding, type ContactOrder, ContactRun, PROTOCOL_ERROR, TORN } from './contact-run.ts';
import { generateCryptogram } from './generate-cryptogram.ts';
import { openContactApplication, readContactRecords } from './open-contact-application.ts';
import { noteRestrictions } from './processing-restrictions.ts';
import { manageTerminalRisk } from './terminal-risk-management.ts';

/** The end of a transaction, or its first half: then `pending` goes on with the issuer's answer. */
export type ContactResult = { readonly outcome: ContactOutcome; readonly pending: ContactRun | null };

/**
 * One transaction over contacts with a second-generation card, or with the contact side of a third: asks for APDUs, ends in a named
 * outcome whatever the card answers. The phases run in the order of `contact-phases.ts`.
 *
 * @refuses card_torn, card_unsupported, card_protocol_error, card_data_missing, card_data_invalid; what the action codes make of
 *   a failed proof, an expired or a listed card; card_declined
 */
export function* contactTransaction(order: ContactOrder): Dialogue<ContactResult> {
  const run = new ContactRun(order);
  const ending = yield* runPhases(run);
  if (ending !== 'online') return { outcome: run.end(ending), pending: null };
  if (order.profile.canGoOnline) return { outcome: run.end({ kind: 'online', refusal: null }), pending: run };
  return { outcome: yield* completeWithoutIssuer(run), pending: null };
}

function* runPhases(run: ContactRun): Dialogue<ContactEnding | 'online'> {
  const opened = (yield* openContactApplication(run)) ?? (yield* readContactRecords(run));
  if (opened !== null) return opened;

  const application = run.opened();
  const card = readCardObjects({ gpoResponse: application.gpoResponse, cardRecords: run.cardRecords });
  if (!card.ok) return { kind: 'declined', refusal: card.refusal };
  run.objects = card.objects;
  const identity = readCardIdentity(card.objects);
  if (!identity.ok)
    return { kind: 'declined', refusal: refuse(identity.refusal.code, identity.refusal.field) };

  const proof = yield* authenticate(run, identity.identity);
  if (proof !== null) return proof;
  const { profile, tap } = run.order;
  noteRestrictions(
    card.objects,
    {
      applicationVersion: bytesFromHex(application.parameters.applicationVersion),
      country: application.terminal.get('9F1A') ?? new Uint8Array(0),
      today: tap.localDate,
    },
    run.results,
  );
  run.note('processing_restrictions', run.results.has('application_expired') ? 'expired' : 'noted');
  const verification = verifyCardholder(card.objects.get('8E'), tap.amountFen, profile, run.results);
  run.cvmResults = verification.cvmResults;
  application.terminal.set('9F34', verification.cvmResults);
  run.note('cardholder_verification', verification.method ?? 'none');
  const risk = yield* manageRisk(run, identity.identity);
  if (risk !== null) return risk;

  const codes = {
    issuer: issuerActionCodes(card.objects),
    terminal: terminalActionCodes(application.parameters),
  };
  const requested = analyseAction(run.results.tvr, codes, profile.canGoOnline);
  run.note('terminal_action_analysis', requested);
  const cryptogram = yield* generateCryptogram(run, 'card_action_analysis', requested);
  if (cryptogram !== null) return cryptogram;
  run.results.performed('card_risk_management_performed');
  return endOfFirstCryptogram(run, requested);
}

/** The card may give less than was asked for, never more. */
function endOfFirstCryptogram(run: ContactRun, requested: CryptogramType): ContactEnding | 'online' {
  const given = run.cryptogram?.type ?? 'AAC';
  const rank = { AAC: 0, ARQC: 1, TC: 2 };
  if (rank[given] > rank[requested])
    return { kind: 'declined', refusal: refuse('cryptogram_type_refused', '9F27') };
  if (given === 'TC') return { kind: 'approved', refusal: null };
  if (given === 'ARQC') return 'online';
  return { kind: 'declined', refusal: refusalOfResults(run) };
}

/** Which word names a decline: what the action codes acted on, if it has one, else that the card declined. */
export function refusalOfResults(run: ContactRun): Refusal {
  if (run.proofRefusal !== null) return run.proofRefusal;
  if (run.results.has('application_expired')) return refuse('card_expired', '5F24');
  if (run.results.has('on_exception_file')) return refuse('hotlisted');
  return refuse('card_declined');
}

/** Offline data authentication; what fails is noted and left to the action codes, and only a silent card ends here. */
function* authenticate(run: ContactRun, identity: CardIdentity): Dialogue<ContactEnding | null> {
  const phase = 'data_authentication';
  const { profile, tap, authority } = run.order;
  const application = run.opened();
  const method = chooseMethod(run.objects.get('82') ?? new Uint8Array(0), profile.supportsCda);
  const staticData = collectStaticData(run.objects, run.cardRecords);
  if (method === 'none') {
    run.results.found('data_authentication_not_performed');
    run.note(phase, 'not_performed');
    return null;
  }
  run.results.performed('data_authentication_performed');
  const failed = ({ sda: 'sda_failed', dda: 'dda_failed', cda: 'cda_failed' } as const)[method];
  if (!staticData.ok) {
    run.results.found(failed);
    run.proofRefusal = staticData.refusal;
    run.note(phase, staticData.refusal.code);
    return null;
  }
  const card = {
    objects: run.objects,
    pan: identity.pan,
    dfName: application.dfName,
    onDate: tap.localDate,
    authority,
  };
  const proof = yield* authenticateByContact(method, card, staticData.staticData, {
    budget: run.budget,
    data: application.terminal,
    defaultDdol: bytesFromHex(application.parameters.defaultDdol),
  });
  if (proof.interrupted !== null) {
    run.note(phase, proof.interrupted);
    return proof.interrupted === 'torn' ? TORN : PROTOCOL_ERROR;
  }
  run.cdaKey = proof.cardKey;
  if (proof.refusal !== null) {
    run.results.found(failed);
    if (proof.refusal.code === 'oda_data_missing') run.results.found('card_data_missing');
    run.proofRefusal = refuse(proofRefusalOf(proof.refusal.code), proof.refusal.field);
  }
  run.note(phase, proof.refusal?.code ?? `${method}_holds`);
  return null;
}

/** Asks the card for its counters where it sets limits on them, and notes what the transaction risks. */
function* manageRisk(run: ContactRun, identity: CardIdentity): Dialogue<ContactEnding | null> {
  const lower = run.objects.get('9F14')?.[0] ?? null;
  const upper = run.objects.get('9F23')?.[0] ?? null;
  const counters = { atc: null as number | null, lastOnlineAtc: null as number | null };
  if (lower !== null && upper !== null) {
    const atc = yield* getCounter(run, 0x9f36);
    if (atc !== null && typeof atc !== 'number') return atc;
    const lastOnlineAtc = yield* getCounter(run, 0x9f13);
    if (lastOnlineAtc !== null && typeof lastOnlineAtc !== 'number') return lastOnlineAtc;
    counters.atc = atc;
    counters.lastOnlineAtc = lastOnlineAtc;
  }
  const { order } = run;
  manageTerminalRisk(
    {
      amountFen: order.tap.amountFen,
      parameters: run.opened().parameters,
      randomPercent: order.randomPercent,
      isOnExceptionFile: order.isOnExceptionFile(identity),
      counters,
      offlineLimits: { lower, upper },
    },
    run.results,
  );
  run.note('terminal_risk_management', 'noted');
  return null;
}

/** GET DATA of a two-byte counter; null where the card does not tell. */
function* getCounter(run: ContactRun, tag: number): Dialogue<number | null | ContactEnding> {
  const command = Uint8Array.of(0x80, 0xca, tag >> 8, tag & 0xff, 0x00);
  const reply = yield* exchangeByContact(run.budget, command);
  if (reply.kind !== 'reply') return run.endOfSilence('terminal_risk_management', reply);
  const parsed = parseTlv(reply.data);
  const value = parsed.ok ? findTlv(parsed.nodes, tag.toString(16).toUpperCase())?.value : undefined;
  if (!isOk(reply) || value?.length !== 2) return null;
  return (value[0] ?? 0) * 256 + (value[1] ?? 0);
}
