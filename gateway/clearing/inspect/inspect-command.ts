import { parseArgs } from 'node:util';
import { loadBanks } from '../../banks/load-banks.ts';
import { civilDay } from '../../calendar/civil-day.ts';
import { statutoryWorkingDay } from '../../calendar/day-types.ts';
import { loadCalendar } from '../../calendar/load-calendar.ts';
import { digestFile } from '../../jobs/batch-file.ts';
import { SchemaFolder } from '../iso20022/load-schemas.ts';
import { loadClearingProfiles } from '../load-clearing-profiles.ts';
import type { ExpectedParty, InspectionError } from './inspection.ts';
import { inspectFiles, listFiles, type InspectedFile, type InspectionOptions } from './load-inspection.ts';

/** Wrong usage; the message says what is wrong. */
export class UsageError extends Error {}

/**
 * `inspect`: prints a line a file.
 *
 * @returns exit code: 0 all valid, 1 one is not, 2 one is of an unknown kind
 * @throws UsageError
 */
export function runInspect(args: readonly string[], print: (line: string) => void): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      xsd: { type: 'string' },
      profile: { type: 'string' },
      'public-key': { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  if (positionals.length === 0) throw new UsageError('inspect needs at least one file');
  const options: InspectionOptions = {
    schemas: values.xsd === undefined ? null : schemaFolder(values.xsd),
    expected: values.profile === undefined ? null : expectedParty(values.profile),
    publicKeyXy: values['public-key'] === undefined ? null : publicKey(values['public-key']),
    digestOf: digestFile,
  };
  let exit = 0;
  for (const inspected of inspectFiles(listFiles(positionals), options)) {
    const valid = inspected.schemaValid !== false && inspected.businessValid !== false;
    print(values.json ? jsonOf(inspected, valid) : lineOf(inspected, valid));
    if (inspected.format === null) exit = 2;
    else if (!valid && exit === 0) exit = 1;
  }
  return exit;
}

function jsonOf(
  { file, format, schemaValid, businessValid, records, totals, errors }: InspectedFile,
  valid: boolean,
): string {
  // A sum beyond 2^53 is written with all its digits: JSON has no largest number.
  const text = JSON.stringify(
    { file, format, schemaValid, businessValid, valid, records, totals, errors },
    (_key, value: unknown) => (typeof value === 'bigint' ? `${BIG_MARK}${value}` : value),
  );
  return text.replaceAll(BIG_NUMBER, '$1');
}

function lineOf(inspected: InspectedFile, valid: boolean): string {
  const { file, format, schemaValid, businessValid, records, totals, errors } = inspected;
  if (format === null) return `${file}  unknown kind  ${errors.map(errorText).join(' ')}`;
  const verdict = valid ? 'valid' : 'INVALID';
  const sums = totals.map(({ currency, minor }) => `${currency} ${minor}`).join(', ');
  const parts = [
    file,
    format,
    verdict,
    `schema ${judged(schemaValid)}`,
    `business ${judged(businessValid)}`,
    `${records} records`,
    ...(sums === '' ? [] : [sums]),
    ...errors.map(errorText),
  ];
  return parts.join('  ');
}

const BIG_MARK = 'tapgate-big-number:';
const BIG_NUMBER = /(?<="minor":)"tapgate-big-number:(-?\d+)"/g;

const judged = (verdict: boolean | null): string =>
  verdict === null ? 'not judged' : verdict ? 'yes' : 'no';

function errorText({ code, line, byteOffset, xpath }: InspectionError): string {
  const place =
    xpath ??
    (line === undefined ? undefined : `line ${line}`) ??
    (byteOffset === undefined ? '' : `byte ${byteOffset}`);
  return place === '' ? code : `${code}@${place}`;
}

function schemaFolder(folder: string): SchemaFolder {
  try {
    return new SchemaFolder(folder);
  } catch {
    throw new UsageError('--xsd: there is no such folder');
  }
}

function publicKey(hex: string): Uint8Array {
  if (!/^[0-9A-Fa-f]{128}$/.test(hex)) throw new UsageError('--public-key: 128 hex digits, X then Y');
  return Buffer.from(hex, 'hex');
}

function expectedParty(party: string): ExpectedParty {
  const bank = loadBanks().find((known) => known.bankId === party);
  const profiles = loadClearingProfiles();
  if (bank === undefined && !profiles.parties.includes(party)) {
    throw new UsageError(`--profile: no bank and no profile of that name`);
  }
  const profile = profiles.of(party, bank?.unionpayId ?? null);
  const calendar = loadCalendar();
  return {
    party,
    cnapsCode: bank?.cnapsCode ?? null,
    bic: bank?.bic ?? null,
    institutionId: profile.institutionId,
    tc526: profile.tc526,
    emptyFile: profile.emptyFile,
    sequence: profile.sequence,
    isBankingDay: (date) => {
      const works = statutoryWorkingDay(calendar, civilDay(date));
      return typeof works === 'boolean' ? works : null;
    },
  };
}
