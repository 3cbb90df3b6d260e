import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startDatabase } from './gateway/database/database.ts';

// `npm test` runs every *.test.ts under node's own test runner; `npm test -- fares ledger` only files whose path contains
// one of the words. Node 20 takes no glob after --test, so the list is made here. Other options go to node. Files that need a
// database share one server, each with a database of its own (gateway/database/test-database.ts).

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

/** Starts a server for the files that ask for a database; null when none does, or when one is given. */
async function startSharedServer(): Promise<{ url: string; destroy: () => Promise<void> } | null> {
  const asks = files.some((file) => /startTestDatabase/.test(readFileSync(path.join(ROOT, file), 'utf8')));
  if (!asks || process.env['TEST_DATABASE_URL'] !== undefined) return null;
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tapgate-tests-'));
  const server = await startDatabase({ dataDir, databaseUrl: null });
  return {
    url: server.url,
    destroy: async () => {
      await server.destroy();
      rmSync(dataDir, { recursive: true });
    },
  };
}

const server = await startSharedServer();
const node = spawn(process.execPath, ['--import', 'tsx', '--test', ...options, ...files], {
  cwd: ROOT,
  stdio: 'inherit',
  env: server === null ? process.env : { ...process.env, TEST_DATABASE_URL: server.url },
});
// A Ctrl-C reaches the tests by itself; this process waits for them, and takes the server away.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (signal === 'SIGTERM') node.kill(signal);
  });
}
node.on('exit', (code, signal) => {
  const exitCode = signal === null ? (code ?? 1) : 1;
  (server?.destroy() ?? Promise.resolve()).then(
    () => process.exit(exitCode),
    () => process.exit(1),
  );
});
