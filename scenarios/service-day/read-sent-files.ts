import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';

// The files as a bank's clerk would check them: from the bytes in the folder and the published layouts, with nothing of the code
// that wrote them.

export type SentFile = {
  readonly party: string;
  readonly kind: string;
  readonly file: string;
  readonly records: number;
  readonly totalFen: number;
  /** what the manifest beside it says agrees with the bytes: records, total, SHA-256 */
  readonly manifestAgrees: boolean;
  readonly signed: boolean;
};

type Totals = { readonly records: number; readonly totalFen: number };

/** @throws Error when the folder holds a file that is not of a known kind or has no manifest */
export function readSentFiles(folder: string): SentFile[] {
  const files = listFiles(folder);
  const sent: SentFile[] = [];
  for (const file of files.filter((name) => name.endsWith('.manifest.json'))) {
    const manifest = JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as Record<string, unknown>;
    const dataFile = file.replace(/\.manifest\.json$/, '');
    const bytes = readFileSync(path.join(folder, dataFile));
    const totals = totalsOf(bytes, dataFile);
    const sha256 = createHash('sha256').update(bytes).digest('hex').toUpperCase();
    sent.push({
      party: String(manifest['party']),
      kind: String(manifest['kind']),
      file: dataFile,
      ...totals,
      manifestAgrees:
        Number(manifest['records']) + adjustmentsOf(manifest) === totals.records &&
        (manifest['netFen'] ?? manifest['totalFen']) === totals.totalFen &&
        manifest['sha256'] === sha256,
      signed: files.includes(`${dataFile}.sig`),
    });
  }
  const known = new Set(
    sent.flatMap(({ file }) => [file, `${file}.manifest.json`, `${file}.sig`, `${file}.chk`]),
  );
  const strangers = files.filter((file) => !known.has(file));
  if (strangers.length > 0) throw new Error(`files that nobody should be sent: ${strangers.join(', ')}`);
  return sent.sort((a, b) => (a.file < b.file ? -1 : 1));
}

function listFiles(folder: string, below = ''): string[] {
  return readdirSync(path.join(folder, below))
    .sort()
    .flatMap((name) => {
      const relative = path.join(below, name);
      return statSync(path.join(folder, relative)).isDirectory() ? listFiles(folder, relative) : [relative];
    });
}

function totalsOf(bytes: Buffer, name: string): Totals {
  const head = bytes.subarray(0, 8).toString('latin1');
  if (head.startsWith('H|TGDC|')) return chargeTotals(bytes.toString('latin1'));
  if (head.startsWith('\u00ef\u00bb\u00bf')) return claimTotals(bytes.toString('utf8'));
  if (bytes.length % 526 === 95) return purchaseTotals(bytes);
  throw new Error(`${name} is of no known kind`);
}

/** Header 46 bytes, records of 526, trailer 49; the amount of a record is its bytes 27 to 38, the amount of 9F02 bytes 411 to 422. */
function purchaseTotals(bytes: Buffer): Totals {
  const records = (bytes.length - 46 - 49) / 526;
  let totalFen = 0;
  for (let at = 46; at < bytes.length - 49; at += 526) {
    const amount = bytes.toString('latin1', at + 26, at + 38);
    if (amount !== bytes.toString('latin1', at + 410, at + 422))
      throw new Error('an amount differs from its 9F02');
    totalFen += Number(amount);
  }
  return { records, totalFen };
}

function adjustmentsOf(manifest: Record<string, unknown>): number {
  const said = manifest['adjustments'] as { readonly records: number } | undefined;
  return said?.records ?? 0;
}

/** Lines that begin with C are charges, their seventh field is the amount; those with A are differences, in their twelfth with a sign. */
function chargeTotals(text: string): Totals {
  const amounts = text
    .split('\n')
    .filter((line) => line.startsWith('C|') || line.startsWith('A|'))
    .map((line) => Number(line.split('|')[line.startsWith('C|') ? 6 : 11]));
  return { records: amounts.length, totalFen: amounts.reduce((sum, amount) => sum + amount, 0) };
}

/** Two title lines, one line a ride, a title line, one line a change, one total; the last column is what is claimed or the difference. */
function claimTotals(text: string): Totals {
  const rides = text
    .trimEnd()
    .split('\r\n')
    .slice(2, -1)
    .filter((line) => !line.startsWith('adjustment_id,'))
    .map((line) => Number(line.split(',').at(-1)));
  return { records: rides.length, totalFen: rides.reduce((sum, amount) => sum + amount, 0) };
}
