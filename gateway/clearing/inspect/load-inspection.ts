import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import { ControlFileReader } from '../formats/control-file-reader.ts';
import { DeferredChargeReader } from '../formats/deferred-charge-reader.ts';
import { ManifestReader } from '../formats/manifest-reader.ts';
import { SubsidyClaimReader } from '../formats/subsidy-claim-reader.ts';
import { Tc526Reader } from '../formats/cup-tc-526-reader.ts';
import { UnionpayComReader } from '../formats/unionpay-com-reader.ts';
import type { SchemaFolder } from '../iso20022/load-schemas.ts';
import { MessageReader } from '../iso20022/message-reader.ts';
import type {
  ExpectedParty,
  FormatReader,
  Inspection,
  InspectionCode,
  InspectionError,
} from './inspection.ts';
import { judgeChain, judgeDelivery, upperHex, type DeliveredManifest } from './manifest-chain.ts';
import { HEAD_BYTES, recognise } from './recognise.ts';

export type InspectionOptions = {
  readonly schemas: SchemaFolder | null;
  readonly expected: ExpectedParty | null;
  /** the sender's SM2 key, 64 bytes, where signatures are to be judged */
  readonly publicKeyXy: Uint8Array | null;
  readonly digestOf: (file: string) => NonNullable<DeliveredManifest['file']>;
};

export type InspectedFile = Inspection & { readonly file: string };

const PIECE_BYTES = 1 << 18;

/** What is judged with the manifest or control file that it belongs to, or opens for its party alone (formats/envelope.md). */
const ACCOMPANYING = /\.(sig|enc|key)$/;

/** Files and, below folders, every file but those that accompany another; in order of name. */
export function listFiles(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    if (!existsSync(name) || !statSync(name).isDirectory()) return [name];
    return readdirSync(name, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !ACCOMPANYING.test(entry.name))
      .map((entry) => path.join(entry.parentPath, entry.name))
      .sort();
  });
}

/** Inspects files one after the other; manifests among them are then judged together. */
export function* inspectFiles(
  files: readonly string[],
  options: InspectionOptions,
): Generator<InspectedFile> {
  const manifests: DeliveredManifest[] = [];
  const waiting: {
    readonly file: string;
    readonly inspection: Inspection;
    readonly of: DeliveredManifest;
  }[] = [];
  for (const file of files) {
    const { inspection, manifest } = inspectFile(file, options);
    if (manifest === null) {
      yield { file, ...inspection };
      continue;
    }
    manifests.push(manifest);
    waiting.push({ file, inspection, of: manifest });
  }
  const parties = new Set(manifests.map((delivered) => delivered.manifest.party));
  const chained = new Map(
    [...parties].flatMap((party) => [
      ...judgeChain(
        manifests.filter((delivered) => delivered.manifest.party === party),
        options.expected?.party === party ? options.expected.sequence : null,
      ),
    ]),
  );
  for (const { file, inspection, of } of waiting) {
    const codes = [
      ...judgeDelivery(of, options.publicKeyXy),
      ...(chained.get(upperHex(sm3(of.bytes))) ?? []),
    ];
    yield {
      file,
      ...withErrors(
        inspection,
        codes.map((code) => ({ code, ...PLACE_OF_DELIVERY[code] })),
      ),
    };
  }
}

/** The member of a manifest that such an error is about. */
const PLACE_OF_DELIVERY: Readonly<Partial<Record<InspectionCode, { readonly xpath: string }>>> = {
  file_missing: { xpath: '/file' },
  file_hash_wrong: { xpath: '/sm3' },
  signature_missing: { xpath: '/' },
  signature_wrong: { xpath: '/' },
  sequence_gap: { xpath: '/sequence' },
  chain_broken: { xpath: '/previousManifestSm3' },
};

function withErrors(inspection: Inspection, added: readonly InspectionError[]): Inspection {
  if (added.length === 0) return inspection;
  return { ...inspection, businessValid: false, errors: [...inspection.errors, ...added] };
}

/** What a receiver of a delivery looks at first: every file that the control file names is there, and is the one it names. */
function judgeControlled(
  file: string,
  { lines }: ControlFileReader,
  { digestOf }: InspectionOptions,
): InspectionError[] {
  const folder = path.dirname(file);
  return lines.flatMap(({ name, bytes, sm3: expectedSm3, sha256, line }): InspectionError[] => {
    const named = path.join(folder, name);
    if (!existsSync(named)) return [{ code: 'file_missing', line }];
    const digest = digestOf(named);
    const isNamed =
      digest.bytes === bytes && upperHex(digest.sm3) === expectedSm3 && upperHex(digest.sha256) === sha256;
    return isNamed ? [] : [{ code: 'file_hash_wrong', line }];
  });
}

type Inspected = { readonly inspection: Inspection; readonly manifest: DeliveredManifest | null };

function inspectFile(file: string, options: InspectionOptions): Inspected {
  let handle: number;
  try {
    handle = openSync(file, 'r');
  } catch {
    return { inspection: unknownKind('file_unreadable'), manifest: null };
  }
  try {
    return inspectOpen(file, handle, options);
  } catch (error) {
    if (!isReadError(error)) throw error;
    return { inspection: unknownKind('file_unreadable'), manifest: null };
  } finally {
    closeSync(handle);
  }
}

function isReadError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}

function inspectOpen(file: string, handle: number, options: InspectionOptions): Inspected {
  const head = Buffer.alloc(HEAD_BYTES);
  const headBytes = readSync(handle, head, 0, HEAD_BYTES, 0);
  const kind = recognise(head.subarray(0, headBytes), fstatSync(handle).size);
  const { expected } = options;
  const read = (reader: FormatReader): Inspected => {
    readThrough(handle, reader);
    return { inspection: reader.end(), manifest: null };
  };
  switch (kind) {
    case null:
      return { inspection: unknownKind('kind_unknown'), manifest: null };
    case 'empty':
      return { inspection: unknownKind('file_empty'), manifest: null };
    case 'cup-tc-526':
      return read(new Tc526Reader(expected));
    case 'deferred-charge':
      return read(new DeferredChargeReader(expected));
    case 'subsidy-claim':
      return read(new SubsidyClaimReader());
    case 'unionpay-com':
      return read(new UnionpayComReader(expected));
    case 'control-file': {
      const reader = new ControlFileReader();
      readThrough(handle, reader);
      const inspection = reader.end();
      return { inspection: withErrors(inspection, judgeControlled(file, reader, options)), manifest: null };
    }
    case 'manifest': {
      const reader = new ManifestReader(expected);
      readThrough(handle, reader);
      const inspection = reader.end();
      return { inspection, manifest: delivered(file, reader, options) };
    }
    case 'xml': {
      const reader = new MessageReader(expected);
      readThrough(handle, reader);
      const schema = options.schemas === null || reader.stopped ? null : options.schemas.judge(file);
      const inspection = reader.end(schema);
      if (inspection.format === 'xml' && inspection.schemaValid === null)
        return { inspection: unknownKind('kind_unknown'), manifest: null };
      return { inspection, manifest: null };
    }
  }
}

function readThrough(handle: number, reader: FormatReader): void {
  const piece = Buffer.alloc(PIECE_BYTES);
  let position = 0;
  while (!reader.stopped) {
    const read = readSync(handle, piece, 0, piece.length, position);
    if (read === 0) return;
    position += read;
    reader.push(piece.subarray(0, read));
  }
}

/** What lies beside a manifest: the file that it names, and the signature named like itself. */
function delivered(
  file: string,
  reader: ManifestReader,
  options: InspectionOptions,
): DeliveredManifest | null {
  const { manifest } = reader;
  if (manifest === null) return null;
  const folder = path.dirname(file);
  const named = manifest.file === null ? null : path.join(folder, path.basename(manifest.file));
  const signature = file.replace(/\.manifest\.json$/, '.sig');
  return {
    manifest,
    bytes: Uint8Array.from(reader.bytes),
    file: named !== null && existsSync(named) ? options.digestOf(named) : null,
    isSealed: named !== null && existsSync(`${named}.enc`),
    signature: signature !== file && existsSync(signature) ? readFileSync(signature) : null,
  };
}

function unknownKind(code: 'kind_unknown' | 'file_empty' | 'file_unreadable'): Inspection {
  return {
    format: null,
    schemaValid: null,
    businessValid: null,
    records: 0,
    totals: [],
    errors: [{ code, byteOffset: 0 }],
  };
}
