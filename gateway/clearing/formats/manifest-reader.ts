import { z } from 'zod';
import { BATCH_KINDS } from '../clearing-batch.ts';
import { Findings, type ExpectedParty, type FormatReader, type Inspection } from '../inspect/inspection.ts';

/** A manifest is about one kilobyte. */
const MANIFEST_BYTES_MAX = 65_536;

const upperHex32 = z.string().regex(/^[0-9A-F]{64}$/);
const count = z.int().min(0);
const sums = z.strictObject({ records: count, extraFen: count, reducedFen: count });
const edition1 = z.strictObject({
  manifest: z.literal('tapgate-clearing'),
  edition: z.literal(1),
  party: z.string().min(1),
  kind: z.enum(BATCH_KINDS),
  clearingDate: z.iso.date(),
  sequence: z.int().min(1),
  format: z.string().min(1),
  file: z.string().min(1).nullable(),
  fileBytes: count,
  records: count,
  currency: z.literal('CNY'),
  totalFen: count,
  feeFen: count.nullable(),
  collectionDate: z.iso.date().nullable(),
  withheldRecords: count,
  withheldFen: count,
  sm3: upperHex32,
  sha256: upperHex32,
  previousManifestSm3: upperHex32.nullable(),
});
/** Edition 2 says also what became of the adjustments that the batch took. */
const edition2 = edition1.extend({
  edition: z.literal(2),
  adjustments: sums,
  netFen: z.int(),
  unpresented: z.array(sums.extend({ state: z.enum(['held', 'withheld']), cause: z.string().min(1) })),
});
const manifestSchema = z.discriminatedUnion('edition', [edition1, edition2]);

export type ReadManifest = z.infer<typeof manifestSchema>;

/** Reads a manifest by itself; what it says of other files is judged where they are (manifest-chain.ts). */
export class ManifestReader implements FormatReader {
  readonly #findings = new Findings();
  readonly #expected: ExpectedParty | null;
  #bytes: Buffer = Buffer.alloc(0);
  #manifest: ReadManifest | null = null;

  constructor(expected: ExpectedParty | null) {
    this.#expected = expected;
  }

  get stopped(): boolean {
    return this.#bytes.length > MANIFEST_BYTES_MAX;
  }

  /** what was read, after `end` */
  get manifest(): ReadManifest | null {
    return this.#manifest;
  }

  /** the bytes that the signature is over */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  push(bytes: Uint8Array): void {
    if (!this.stopped) this.#bytes = Buffer.concat([this.#bytes, bytes]);
  }

  end(): Inspection {
    if (this.stopped) this.#findings.add('file_too_large');
    else this.#read();
    const manifest = this.#manifest;
    const schemaValid = !this.#findings.schemaBroken;
    return {
      format: 'manifest',
      schemaValid,
      businessValid: schemaValid && !this.#findings.businessBroken,
      records: manifest === null ? 0 : linesOf(manifest),
      totals: manifest === null ? [] : [{ currency: 'CNY', minor: owedBy(manifest) }],
      errors: this.#findings.errors,
    };
  }

  #read(): void {
    let members: unknown;
    try {
      members = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(this.#bytes));
    } catch {
      this.#findings.add('truncated', { byteOffset: this.#bytes.length });
      return;
    }
    const parsed = manifestSchema.safeParse(members);
    if (!parsed.success) {
      for (const issue of parsed.error.issues) {
        this.#findings.add('field_value_invalid', { xpath: `/${issue.path.join('/')}` });
      }
      return;
    }
    // Its last byte is a line end; without it something may be missing, and the signature is over another text.
    if (this.#bytes.at(-1) !== 0x0a) this.#findings.add('truncated', { byteOffset: this.#bytes.length });
    this.#manifest = parsed.data;
    if (parsed.data.edition === 2) {
      const { totalFen, netFen, adjustments } = parsed.data;
      if (netFen !== totalFen + adjustments.extraFen - adjustments.reducedFen)
        this.#findings.add('sum_wrong', { xpath: '/netFen' });
    }
    const expected = this.#expected;
    if (expected !== null && parsed.data.party !== expected.party)
      this.#findings.add('bank_not_of_profile', { xpath: '/party' });
    if (expected !== null && parsed.data.collectionDate !== null) {
      if (expected.isBankingDay(parsed.data.collectionDate) === false)
        this.#findings.add('not_a_banking_day', { xpath: '/collectionDate' });
    }
    if (parsed.data.collectionDate !== null && parsed.data.collectionDate <= parsed.data.clearingDate) {
      this.#findings.add('collection_before_creation', { xpath: '/collectionDate' });
    }
  }
}

function owedBy(manifest: ReadManifest): number {
  return manifest.edition === 1 ? manifest.totalFen : manifest.netFen;
}

function linesOf(manifest: ReadManifest): number {
  return manifest.records + (manifest.edition === 1 ? 0 : manifest.adjustments.records);
}
