import { parseAfl, readRecordCommand } from '@tapgate/sdk/emv/afl';
import { findAll, findTlv, parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { buildDolData, parseDol } from '@tapgate/sdk/emv/dol';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { readGpoResponse } from '@tapgate/sdk/tap-record/card-exchange';
import { refuse } from '@tapgate/sdk/wire/refusals';
import { type Dialogue, SW_OK } from '../card-dialogue.ts';
import { PDOL_DATA_BYTES_MAX, processingOptionsCommand, selectCommand } from '../commands.ts';
import { EVIDENCE_BYTES_MAX } from '../evidence-limit.ts';
import { exchangeByContact, isOk } from './contact-dialogue.ts';
import { applicationOfName } from './contact-profile.ts';
import { type ContactEnding, type ContactRun, PROTOCOL_ERROR, UNSUPPORTED } from './contact-run.ts';
import { contactTerminalData } from './contact-terminal-data.ts';

const DIRECTORY_NAME = Buffer.from('1PAY.SYS.DDF01', 'ascii');
const DIRECTORY_RECORDS_MAX = 10;
const SW_BLOCKED = 0x6283;
const SW_CONDITIONS_NOT_SATISFIED = 0x6985;
const SW_NOT_FOUND = 0x6a82;
const SW_NO_RECORD = 0x6a83;
const SW_FUNCTION_NOT_SUPPORTED = 0x6a81;

/**
 * Finds and opens an application: the contact directory where there is one, the terminal's list otherwise; in the terminal's own
 * order; GET PROCESSING OPTIONS with what the PDOL asks for, or an empty template 83.
 *
 * @returns null when one is open
 * @spec pboc-contactless.md 1.3 (PSE), 2.3 (status words)
 */
export function* openContactApplication(run: ContactRun): Dialogue<ContactEnding | null> {
  const listed = yield* readContactDirectory(run);
  if ('kind' in listed) return listed;
  const { profile } = run.order;
  for (const parameters of profile.applications) {
    const fromDirectory = listed.filter((dfName) => applicationOfName(profile, dfName) === parameters);
    for (const dfName of listed.length === 0 ? [bytesFromHex(parameters.aid)] : fromDirectory) {
      const opened = yield* openOne(run, dfName);
      if (opened !== 'next_candidate') return opened;
    }
  }
  return UNSUPPORTED;
}

/** @returns the names of the directory, none where the card has no directory */
function* readContactDirectory(run: ContactRun): Dialogue<readonly Uint8Array[] | ContactEnding> {
  const phase = 'application_selection';
  const fci = yield* exchangeByContact(run.budget, selectCommand(DIRECTORY_NAME));
  if (fci.kind !== 'reply') return run.endOfSilence(phase, fci);
  if (fci.sw === SW_FUNCTION_NOT_SUPPORTED) {
    run.note(phase, 'card_blocked', fci.sw);
    return UNSUPPORTED;
  }
  const parsed = parseTlv(fci.data);
  const sfi = parsed.ok ? findTlv(parsed.nodes, '6F', 'A5', '88')?.value[0] : undefined;
  if (!isOk(fci) || sfi === undefined || sfi < 1 || sfi > 10) {
    run.note(phase, 'no_directory', fci.sw);
    return [];
  }
  const names: Uint8Array[] = [];
  for (let record = 1; record <= DIRECTORY_RECORDS_MAX; record++) {
    const reply = yield* exchangeByContact(run.budget, readRecordCommand(sfi, record));
    if (reply.kind !== 'reply') return run.endOfSilence(phase, reply);
    if (reply.sw === SW_NO_RECORD) break;
    const entries = parseTlv(reply.data);
    if (!isOk(reply) || !entries.ok) {
      run.note(phase, 'directory_unreadable', reply.sw);
      return PROTOCOL_ERROR;
    }
    names.push(...findAll(entries.nodes, '4F').map((node) => node.value));
  }
  run.note(phase, names.length === 0 ? 'directory_empty' : 'directory');
  return names;
}

function* openOne(
  run: ContactRun,
  listedName: Uint8Array,
): Dialogue<ContactEnding | null | 'next_candidate'> {
  const phase = 'application_selection';
  const fci = yield* exchangeByContact(run.budget, selectCommand(listedName));
  if (fci.kind !== 'reply') return run.endOfSilence(phase, fci);
  if (fci.sw === SW_NOT_FOUND || fci.sw === SW_BLOCKED) {
    run.note(phase, 'next_candidate', fci.sw);
    return 'next_candidate';
  }
  const parsed = parseTlv(fci.data);
  const dfName = parsed.ok ? findTlv(parsed.nodes, '6F', '84')?.value : undefined;
  const parameters = dfName === undefined ? undefined : applicationOfName(run.order.profile, dfName);
  if (!isOk(fci) || !parsed.ok || dfName === undefined || parameters === undefined) {
    run.note(phase, fci.sw === SW_OK ? 'unreadable' : 'refused', fci.sw);
    return fci.sw === SW_FUNCTION_NOT_SUPPORTED ? UNSUPPORTED : PROTOCOL_ERROR;
  }
  const list = parseDol(findTlv(parsed.nodes, '6F', 'A5', '9F38')?.value ?? new Uint8Array(0));
  if (!list.ok || list.totalLength > PDOL_DATA_BYTES_MAX) {
    run.note(phase, 'pdol_unreadable', fci.sw);
    return PROTOCOL_ERROR;
  }
  run.note(phase, 'selected', fci.sw);

  const terminal = contactTerminalData(run.order.profile, parameters, run.order.tap, run.results);
  const pdolValues = buildDolData(list.entries, [terminal]);
  const options = yield* exchangeByContact(run.budget, processingOptionsCommand(pdolValues));
  if (options.kind !== 'reply') return run.endOfSilence('initiate_application', options);
  if (options.sw === SW_CONDITIONS_NOT_SATISFIED) {
    run.note('initiate_application', 'next_candidate', options.sw);
    return 'next_candidate';
  }
  if (!isOk(options) || readGpoResponse(options.data) === null) {
    run.note('initiate_application', isOk(options) ? 'unreadable' : 'refused', options.sw);
    return PROTOCOL_ERROR;
  }
  run.note('initiate_application', 'options', options.sw);
  run.application = { dfName, parameters, terminal, pdolValues, gpoResponse: options.data };
  return null;
}

/** Reads what the AFL lists; the card may be asked for no more than a tap's evidence holds. @returns null when all was read */
export function* readContactRecords(run: ContactRun): Dialogue<ContactEnding | null> {
  const phase = 'read_application_data';
  const objects = readGpoResponse(run.opened().gpoResponse) ?? [];
  const locator = parseAfl(objects.find((object) => object.tag === '94')?.value ?? new Uint8Array(0));
  if (!locator.ok || locator.records.length === 0) {
    run.note(phase, 'locator_unreadable');
    return { kind: 'declined', refusal: refuse('card_data_invalid', '94') };
  }
  let kept = 0;
  for (const { sfi, record } of locator.records) {
    const reply = yield* exchangeByContact(run.budget, readRecordCommand(sfi, record));
    if (reply.kind !== 'reply') return run.endOfSilence(phase, reply);
    kept += reply.data.length;
    if (!isOk(reply) || reply.data.length === 0 || kept > EVIDENCE_BYTES_MAX) {
      run.note(phase, kept > EVIDENCE_BYTES_MAX ? 'too_much_data' : 'record_refused', reply.sw);
      return PROTOCOL_ERROR;
    }
    run.cardRecords.push({ sfi, recordNumber: record, body: reply.data });
  }
  run.note(phase, 'read');
  return null;
}
