import { buildDolData, parseDol } from '@tapgate/sdk/emv/dol';
import { firstCryptogramType, type CryptogramType, secondCryptogramType } from '@tapgate/sdk/emv/iad';
import { type OdaRefused } from '@tapgate/sdk/emv/oda-refusal';
import { proofRefusalOf } from '@tapgate/sdk/emv/oda-refusal';
import { verifyCda } from '@tapgate/sdk/emv/rsa-signed-data';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { Dialogue } from '../card-dialogue.ts';
import { exchangeByContact, isOk } from './contact-dialogue.ts';
import type { ContactPhase } from './contact-phases.ts';
import { type ContactEnding, type ContactRun, PROTOCOL_ERROR } from './contact-run.ts';
import {
  type CryptogramResponse,
  generateAcCommand,
  parseCryptogramResponse,
} from './cryptogram-response.ts';

const COMMAND_DATA_BYTES_MAX = 255;

/**
 * Asks the card for a cryptogram with what its list (8C the first time, 8D the second) wants, and reads the answer. A combined
 * signature is asked for when the certificates have opened a key for it, and is judged here.
 *
 * @returns null when a cryptogram is there
 * @refuses card_data_missing (8C, 8D); card_protocol_error; card_data_invalid (9F27, 9F10) for an answer that contradicts itself;
 *   what verifyCda refuses
 * @spec pboc-contactless.md 4.5 (CDA), 5.2 (CVR); GENERATE AC itself is EMV Book 3 section 6.5.5 (general knowledge)
 */
export function* generateCryptogram(
  run: ContactRun,
  phase: ContactPhase,
  requested: CryptogramType,
): Dialogue<ContactEnding | null> {
  const isFirst = run.cdolValues.length === 0;
  const listTag = isFirst ? '8C' : '8D';
  const list = run.objects.get(listTag);
  const parsed = list === undefined ? undefined : parseDol(list);
  if (parsed?.ok !== true || parsed.totalLength > COMMAND_DATA_BYTES_MAX) {
    run.note(phase, list === undefined ? 'list_missing' : 'list_unreadable');
    const code = list === undefined ? 'card_data_missing' : 'card_data_invalid';
    return { kind: 'declined', refusal: refuse(code, listTag) };
  }
  const values = buildDolData(parsed.entries, [run.opened().terminal]);
  const asksCda = run.cdaKey?.algorithm === 'RSA' && requested !== 'AAC';
  const reply = yield* exchangeByContact(run.budget, generateAcCommand(requested, asksCda, values));
  if (reply.kind !== 'reply') return run.endOfSilence(phase, reply);
  run.cdolValues.push(values);
  if (!isOk(reply)) {
    run.note(phase, 'refused', reply.sw);
    return PROTOCOL_ERROR;
  }
  run.cryptogramResponses.push(reply.data);
  const response = parseCryptogramResponse(reply.data);
  if (response === null || contradictsItself(response, isFirst)) {
    run.note(phase, 'unreadable', reply.sw);
    return { kind: 'declined', refusal: refuse('card_data_invalid', '9F27') };
  }
  run.cryptogram = response;
  if (asksCda && response.type !== 'AAC') {
    const proof = judgeCombinedSignature(run, response);
    if (proof !== null) {
      run.results.found('cda_failed');
      run.note(phase, proof.refusal.code, reply.sw);
      return { kind: 'declined', refusal: refuse(proofRefusalOf(proof.refusal.code), proof.refusal.field) };
    }
  }
  run.note(phase, response.type, reply.sw);
  return null;
}

/** The CVR says in its own bits which cryptogram was given; the cryptogram covers it and not 9F27. */
function contradictsItself(response: CryptogramResponse, isFirst: boolean): boolean {
  if (response.iad === null) return false;
  const { cvr } = response.iad;
  return (isFirst ? firstCryptogramType(cvr) : secondCryptogramType(cvr)) !== response.type;
}

/** @returns null when the signature holds; the cryptogram inside it becomes the one of the response */
function judgeCombinedSignature(run: ContactRun, response: CryptogramResponse): OdaRefused | null {
  const { cdaKey } = run;
  if (cdaKey?.algorithm !== 'RSA') return null;
  const result = verifyCda(
    {
      sdad: response.combined?.sdad,
      iccKey: cdaKey.publicKey,
      terminalData: run.order.tap.unpredictableNumber,
      atc: null,
    },
    response.cid,
    {
      pdolValues: run.opened().pdolValues,
      cdolValues: Buffer.concat(run.cdolValues),
      responseWithoutSdad: response.combined?.responseWithoutSdad ?? new Uint8Array(0),
    },
  );
  if (!result.ok) return result;
  run.cryptogram = { ...response, cryptogram: result.data.cryptogram };
  return null;
}
