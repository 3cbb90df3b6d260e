import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import path from 'node:path';

// `npm test` runs every *.test.ts under node's own test runner; `npm test -- fares ledger` only files whose path contains
// one of the words. Node 20 takes no glob after --test, so the list is made here. Other options go to node.

const ROOT = import.meta.dirname;

function testFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.name !== 'node_modules' && !entry.name.startsWith('.') && entry.name !== 'out')
    .flatMap((entry) => {
      const full = path.join(folder, entry.name);
      if (entry.isDirectory()) return testFiles(full);
      return entry.name.endsWith('.test.ts') ? [path.relative(ROOT, full)] : [];
    })
    .sort();
}

const words = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const options = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const files = testFiles(ROOT).filter(
  (file) => words.length === 0 || words.some((word) => file.includes(word)),
);

if (files.length === 0) {
  process.stderr.write('no test file matches\n');
  process.exit(1);
}

const node = spawn(process.execPath, ['--import', 'tsx', '--test', ...options, ...files], {
  cwd: ROOT,
  stdio: 'inherit',
});
node.on('exit', (code, signal) => {
  process.exit(signal === null ? (code ?? 1) : 1);
});
