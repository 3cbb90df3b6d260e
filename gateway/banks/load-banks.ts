import path from 'node:path';
import { z } from 'zod';
import { readDataFile } from '../data-file.ts';
import { isCnapsCode } from '../clearing/cnaps-code.ts';

/** A bank whose cards are taken and which gets clearing files. */
export type Bank = {
  /** short name in file names and on the command line */
  readonly bankId: string;
  readonly nameZh: string;
  readonly nameEn: string;
  readonly cnapsCode: string;
  readonly bic: string;
  readonly unionpayId: string | null;
  /** leading digits of its cards */
  readonly bins: readonly string[];
};

export const BANKS_FILE = path.join(import.meta.dirname, 'cooperating-banks.yaml');

const Mark = z.enum(['sure', 'likely', 'unsure', 'invented']);
const marked = <Value extends z.ZodType>(value: Value) => z.strictObject({ value, mark: Mark });

const BankEntry = z.strictObject({
  bankId: z.string().regex(/^[A-Z]{2,8}$/, 'two to eight capital letters'),
  nameZh: z.string().min(1),
  nameEn: z.string().min(1),
  bic: marked(z.string().regex(/^[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?$/, 'not a BIC')),
  cnapsCode: marked(z.string().refine(isCnapsCode, 'not a CNAPS code, or its check digit is wrong')),
  unionpayId: marked(z.string().regex(/^\d{8}$/, 'eight digits')).nullable(),
  bins: z.array(z.string().regex(/^\d{6,8}$/, 'six to eight digits')).min(1),
});

const BanksFile = z
  .strictObject({
    version: z.literal(1),
    date: z.iso.date(),
    source: z.string().min(1),
    binsMark: Mark,
    banks: z.array(BankEntry).min(1),
  })
  .superRefine(({ banks }, context) => {
    refuseRepeated(
      context,
      'bankId',
      banks.map((bank) => bank.bankId),
    );
    refuseRepeated(
      context,
      'bins',
      banks.flatMap((bank) => bank.bins),
    );
  });

function refuseRepeated(context: z.RefinementCtx, field: string, values: readonly string[]): void {
  const repeated = values.find((value, index) => values.indexOf(value) !== index);
  if (repeated === undefined) return;
  context.addIssue({ code: 'custom', path: ['banks', field], message: `${repeated} stands twice` });
}

/** @throws StartFault data_file_invalid naming file, path and reason */
export function loadBanks(file: string = BANKS_FILE): readonly Bank[] {
  return readDataFile(file, BanksFile).banks.map((bank) => ({
    ...bank,
    cnapsCode: bank.cnapsCode.value,
    bic: bank.bic.value,
    unionpayId: bank.unionpayId?.value ?? null,
  }));
}
