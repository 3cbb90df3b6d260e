import { z } from 'zod';
import { isCnapsCode } from './cnaps-code.ts';
import { BATCH_KINDS } from './clearing-batch.ts';

/**
 * How one party wants its files: data, because every partner insists on its own (clearing.md section 3). The defaults stand in
 * banks/clearing-profiles.yaml with their confidence; a bank's entry there replaces single keys.
 */
const dated = z.iso.date();
const constants = z.strictObject({
  transactionCode: z.string().max(3),
  segmentBitmap: z.string().max(4),
  reasonCode: z.string().max(4),
  singleDualFlag: z.string().max(1),
  channel: z.string().max(2),
  conditionDe25: z.string().max(2),
  ownFee: z.string().max(12),
  crossBorder: z.string().max(1),
  entryModeDe22: z.string().max(3),
  readCapability: z.string().max(1),
  icCondition: z.string().max(1),
  responseCode8A: z.string().max(2),
});

export const clearingProfileSchema = z.strictObject({
  /** the bank as the interchange network names it, up to 11 digits; empty where the network's number is not known */
  institutionId: z.string().regex(/^\d{0,11}$/),
  acquirerId: z.string().regex(/^\d{0,11}$/),
  forwarderId: z.string().regex(/^\d{0,11}$/),
  utcOffsetMinutes: z.int().min(-720).max(840),
  /** file name by kind of batch: a template of party, clearingDate, sequence */
  fileNames: z.record(z.enum(BATCH_KINDS), z.string()),
  /** how names are written in files of fixed width; GBK is the older part of GB18030 that some bank cores stop at */
  textEncoding: z.enum(['gb18030', 'gbk']),
  /** how the files of one kind are counted (batch-sequence.ts) */
  sequence: z.discriminatedUnion('restarts', [
    z.strictObject({ restarts: z.literal('daily') }),
    z.strictObject({ restarts: z.literal('yearly') }),
    z.strictObject({ restarts: z.literal('never'), firstDate: dated }),
  ]),
  deferredCharges: z.enum(['deferred-charge', 'pain.008.001.08']),
  /** edition 1 has no line for adjustments: they wait until the party takes edition 2 */
  deferredChargeEdition: z.union([z.literal(1), z.literal(2)]),
  subsidyClaimEdition: z.union([z.literal(1), z.literal(2)]),
  /** who collects, where deferred charges go as direct debits; null where no bank takes them so */
  collection: z
    .strictObject({
      creditorName: z.string().min(1).max(140),
      creditorAccount: z.string().min(1).max(34),
      creditorCnapsCode: z.string().refine(isCnapsCode, 'not a CNAPS code, or its check digit is wrong'),
    })
    .nullable(),
  signature: z.enum(['der', 'raw']),
  /** files in clear, or each under an SM4 key of its own that travels under the party's SM2 key (formats/envelope.md) */
  encryption: z.discriminatedUnion('method', [
    z.strictObject({ method: z.literal('none') }),
    z.strictObject({
      method: z.literal('sm4-sm2'),
      /** X and Y of the party's encryption key */
      publicKey: z.string().regex(/^[0-9A-F]{128}$/, '128 upper-case hex digits'),
      ciphertext: z.enum(['der', 'c1c3c2']),
    }),
  ]),
  /** a day without records: a file with header and trailer only, or no file but its manifest */
  emptyFile: z.enum(['file', 'manifest_only']),
  /** taps older than this many days at the clearing date are withheld, not sent */
  tapAgeMaxDays: z.int().positive(),
  /** hours after the cut-over within which each answer is due: receipt of the file, results of the items, money */
  deadlinesHours: z.strictObject({
    receipt: z.int().positive(),
    results: z.int().positive(),
    money: z.int().positive(),
  }),
  /** what the bank keeps of a batch, in hundredths of a permille of its sum, by rail and first clearing date */
  fees: z.array(
    z.strictObject({
      kind: z.enum(['offline_purchase', 'deferred_charge']),
      validFrom: dated,
      perHundredThousand: z.int().min(0).max(100_000),
    }),
  ),
  tc526: z
    .strictObject({
      header: z.string(),
      /** under `refund` it must also say how many there are and what they come to */
      trailer: z.string(),
      constants,
      /** how a refund of a purchase is marked; null while the bank has not said: adjustments of its purchases wait */
      refund: z
        .strictObject({ transactionCode: z.string().regex(/^\d{3}$/), reasonCode: z.string().max(4) })
        .nullable(),
    })
    .refine(
      ({ refund, trailer }) =>
        refund === null || (trailer.includes('{refunds') && trailer.includes('{refundFen')),
      'a trailer of files with refunds says {refunds} and {refundFen}',
    ),
});

export type ClearingProfile = z.infer<typeof clearingProfileSchema>;
