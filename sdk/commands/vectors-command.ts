import { readFileSync } from 'node:fs';
import { runVectorFile, sumCounts } from './vectors/run-vectors.ts';

// npm run vectors -- FILE...: runs test vectors of the card formats. The last line is `N passed, M failed, K unsupported`;
// the exit code is 0 only when something passed and nothing failed or was unsupported.

const USAGE = `Usage: npm run vectors -- FILE...

Runs card test vectors, prints each miss, and ends with "N passed, M failed, K unsupported".
Exit code: 0 when something passed and nothing failed or was unsupported, 1 when not, 2 for wrong usage.
`;

const files = process.argv.slice(2);
if (files.some((argument) => argument === '--help' || argument === '-h')) {
  process.stdout.write(USAGE);
  process.exit(0);
}
if (files.length === 0) {
  process.stderr.write(USAGE);
  process.exit(2);
}

const reports = files.map((file) => {
  try {
    return runVectorFile(file, readFileSync(file, 'utf8'));
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    const counts = { passed: 0, failed: 1, unsupported: 0 };
    return { lines: [`FAILED ${file}: cannot be read (${String(error.code)})`], counts };
  }
});
for (const line of reports.flatMap((report) => report.lines)) process.stdout.write(`${line}\n`);

const total = sumCounts(reports.map((report) => report.counts));
process.stdout.write(`${total.passed} passed, ${total.failed} failed, ${total.unsupported} unsupported\n`);
process.exitCode = total.passed > 0 && total.failed === 0 && total.unsupported === 0 ? 0 : 1;
