import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

// What a machine can hold, no reviewer has to: the arrows between folders, what core may not touch, names that belong in
// data, and files that nobody reads. The rules are style.md sections 1 and 3.

const ROOT = import.meta.dirname;
const TOP_FOLDERS = ['sdk', 'gateway', 'validator-firmware', 'bench', 'scenarios'] as const;

/** Folders that decide. They import only core and the sdk, are synchronous, and are given their time and randomness. */
const CORE_FOLDERS = [
  'sdk/wire',
  'sdk/emv',
  'sdk/tap-record',
  'gateway/ingest',
  'gateway/journeys',
  'gateway/fares',
  'gateway/replay',
  'gateway/whatif',
  'gateway/concessions',
  'gateway/calendar',
  'gateway/ledger',
  'gateway/clearing',
  'validator-firmware/kernel',
  'validator-firmware/gate',
];

/** Files that touch the world although they stand in a core folder: readers of its data files, its programs, its threads. */
const SHELL_IN_CORE = [/\/load-[^/]+\.ts$/, /-command\.ts$/, /-workers?\.ts$/];

/** Programs and configuration: nobody imports them, people and npm scripts start them. */
const ENTRY_POINTS = [
  /\.test\.ts$/,
  /^drizzle\.config\.ts$/,
  /-command\.ts$/,
  /^gateway\/main\.ts$/,
  /^validator-firmware\/main\.ts$/,
  /^bench\/scenarios\//,
  /^bench\/micro\//,
  // Started as processes of their own, by path.
  /-process\.fixture\.ts$/,
  /^bench\/.+-process\.ts$/,
  /^sdk\/examples\//,
  /^run-tests\.ts$/,
];

type Source = { readonly file: string; readonly text: string; readonly imports: readonly string[] };

function listFiles(folder: string, ending: string): string[] {
  const found: string[] = [];
  for (const name of readdirSync(path.join(ROOT, folder)).sort()) {
    if (name === 'node_modules' || name.startsWith('.')) continue;
    const relative = folder === '.' ? name : `${folder}/${name}`;
    if (statSync(path.join(ROOT, relative)).isDirectory()) found.push(...listFiles(relative, ending));
    else if (name.endsWith(ending)) found.push(relative);
  }
  return found;
}

const IMPORT = /(?:from|import)\s*\(?\s*['"]([^'"]+)['"]|new URL\(\s*['"](\.[^'"]+\.ts)['"]/g;

function readSources(): Source[] {
  const files = TOP_FOLDERS.filter((folder) => existsSync(path.join(ROOT, folder))).flatMap((folder) =>
    listFiles(folder, '.ts'),
  );
  const rootFiles = readdirSync(ROOT).filter((name) => name.endsWith('.ts'));
  return [...files, ...rootFiles].map((file) => {
    const text = readFileSync(path.join(ROOT, file), 'utf8');
    const imports = [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '');
    return { file, text, imports };
  });
}

/** The file that an import means, relative to the root; null for a package of somebody else. */
function resolveImport(from: string, specifier: string): string | null {
  if (specifier.startsWith('.'))
    return path.posix.normalize(path.posix.join(path.posix.dirname(from), specifier));
  const own = /^@tapgate\/([a-z-]+)\/(.+)$/.exec(specifier);
  if (own?.[1] === undefined || own[2] === undefined) return null;
  return `${own[1]}/${own[2]}.ts`;
}

const topOf = (file: string): string => file.split('/')[0] ?? '';
/** Tests, and what only tests import. */
const isTest = (file: string): boolean => /\.(test|fixture)\.ts$/.test(file);
const coreFolderOf = (file: string): string | undefined =>
  CORE_FOLDERS.find((folder) => file.startsWith(`${folder}/`));
const isCore = (source: Source): boolean =>
  coreFolderOf(source.file) !== undefined &&
  !isTest(source.file) &&
  !SHELL_IN_CORE.some((pattern) => pattern.test(source.file));

const sources = readSources();

test('arrows: gateway and firmware meet only in the sdk, and the sdk knows neither', () => {
  const allowed: Record<string, readonly string[]> = {
    sdk: ['sdk'],
    gateway: ['gateway', 'sdk'],
    'validator-firmware': ['validator-firmware', 'sdk'],
    bench: ['bench', 'sdk', 'gateway', 'validator-firmware', 'scenarios'],
    scenarios: ['scenarios', 'sdk', 'gateway', 'validator-firmware'],
  };
  const crossings: string[] = [];
  for (const source of sources) {
    const targets = allowed[topOf(source.file)];
    if (!targets || isTest(source.file)) continue;
    for (const specifier of source.imports) {
      const target = resolveImport(source.file, specifier);
      if (target !== null && !targets.includes(topOf(target))) crossings.push(`${source.file} -> ${target}`);
    }
  }
  assert.deepEqual(crossings, []);
});

test('sdk/wire imports nothing but itself', () => {
  const crossings = sources
    .filter((source) => source.file.startsWith('sdk/wire/') && !isTest(source.file))
    .flatMap((source) =>
      source.imports
        .filter((specifier) => !/^\.\/[^/]+$/.test(specifier))
        .map((s) => `${source.file} -> ${s}`),
    );
  assert.deepEqual(crossings, []);
});

test('only gateway/store imports drizzle or postgres', () => {
  const crossings = sources
    .filter((source) => !isTest(source.file) && !source.file.startsWith('gateway/store/'))
    // The bench measures what bare postgres.js and a naive team's drizzle do.
    .filter((source) => !source.file.startsWith('bench/') && source.file !== 'drizzle.config.ts')
    .flatMap((source) =>
      source.imports
        .filter((specifier) => /^(postgres|drizzle-orm)(\/|$)/.test(specifier))
        .map((s) => `${source.file} -> ${s}`),
    );
  assert.deepEqual(crossings, []);
});

test('a core folder imports only core and the sdk', () => {
  const crossings: string[] = [];
  for (const source of sources.filter(isCore)) {
    for (const specifier of source.imports) {
      const target = resolveImport(source.file, specifier);
      if (target === null || target.startsWith('sdk/')) continue;
      const shellTarget = sources.find((other) => other.file === target);
      if (coreFolderOf(target) === undefined || (shellTarget && !isCore(shellTarget))) {
        // Ports are types: a core file may name the shape of what the shell will hand it.
        if (!new RegExp(`import type [^;]*['"]${specifier.replaceAll('.', '\\.')}['"]`).test(source.text)) {
          crossings.push(`${source.file} -> ${target}`);
        }
      }
    }
  }
  assert.deepEqual(crossings, []);
});

test('core is synchronous and is given its time and randomness', () => {
  const forbidden = [
    /\basync\b/,
    /\bawait\b/,
    /Date\.now\(/,
    /Math\.random\(/,
    /new Date\(\)/,
    /setTimeout\(/,
    /process\.env/,
    /randomBytes\(/,
  ];
  const found = sources.filter(isCore).flatMap((source) => {
    const code = source.text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    return forbidden
      .filter((pattern) => pattern.test(code))
      .map((pattern) => `${source.file}: ${String(pattern)}`);
  });
  assert.deepEqual(found, []);
});

test('no file that nobody imports', () => {
  const imported = new Set(
    sources.flatMap((source) =>
      source.imports.map((specifier) => resolveImport(source.file, specifier)).filter((f) => f !== null),
    ),
  );
  const scripts = readFileSync(path.join(ROOT, 'package.json'), 'utf8');
  const orphans = sources
    .map((source) => source.file)
    .filter(
      (file) =>
        !imported.has(file) && !ENTRY_POINTS.some((pattern) => pattern.test(file)) && !scripts.includes(file),
    )
    .filter((file) => !file.startsWith('gateway/store/schema/'));
  assert.deepEqual(orphans, []);
});

test('no folder for things without a name', () => {
  const nameless = sources.filter((source) =>
    /(^|\/)(utils?|helpers?|common|misc|types|services)(\/|\.ts$)/.test(source.file),
  );
  assert.deepEqual(
    nameless.map((source) => source.file),
    [],
  );
});

test('no leftover markers', () => {
  const markers = new RegExp(
    ['TO' + 'DO', 'FIX' + 'ME', 'HA' + 'CK\\b', '@ts-' + 'ignore', 'eslint-' + 'disable']
      .map((m) => `\\b${m}|${m}`)
      .join('|'),
  );
  const found = sources.filter((source) => markers.test(source.text) && source.file !== 'tidy.test.ts');
  assert.deepEqual(
    found.map((source) => source.file),
    [],
  );
});

/** Names of places, operators and banks, read from the data files themselves, so that a new city widens the rule by itself. */
function namesInData(): string[] {
  const names = new Set<string>(
    readdirSync(path.join(ROOT, 'gateway/jurisdictions'), { withFileTypes: true })
      .filter((e) => e.isDirectory())
      .map((e) => e.name),
  );
  const nameField =
    /^\s*-?\s*(?:nameZh|nameEn|name_zh|name_en|bankId|bic|shortName):\s*['"]?([^'"#\n]+?)['"]?\s*(?:#.*)?$/gm;
  for (const folder of ['gateway/banks', 'gateway/operators']) {
    if (!existsSync(path.join(ROOT, folder))) continue;
    for (const file of listFiles(folder, '.yaml')) {
      for (const match of readFileSync(path.join(ROOT, file), 'utf8').matchAll(nameField))
        names.add((match[1] ?? '').trim());
    }
  }
  return [...names].filter((name) => (/[\u4e00-\u9fff]/.test(name) ? name.length >= 3 : name.length >= 3));
}

test('no name of a city, operator or bank in a .ts file outside tests', () => {
  const names = namesInData();
  assert.ok(names.length > 5, 'the data files name banks and places');
  const found: string[] = [];
  for (const source of sources.filter((s) => !isTest(s.file))) {
    // An IANA zone is the name of a clock, not of a city.
    const text = source.text.replaceAll(/\b(Asia|Europe|America|Africa|Australia)\/[A-Z]\w+/g, '');
    for (const name of names) {
      const pattern = /^[\x20-\x7e]+$/.test(name)
        ? new RegExp(`(?<![A-Za-z0-9])${name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?![A-Za-z0-9])`, 'i')
        : new RegExp(name);
      if (pattern.test(text)) found.push(`${source.file}: ${name}`);
    }
  }
  assert.deepEqual(found, []);
});

test('no path of a machine and no registry host in the tree', () => {
  const tracked = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' })
    .split('\0')
    .filter((f) => f !== '');
  const forbidden = [
    new RegExp('/wo' + 'rk/(main|shared)'),
    new RegExp('registry\\.npm' + 'js'),
    new RegExp('deb\\.deb' + 'ian\\.org'),
    new RegExp('proxy\\.go' + 'lang'),
  ];
  const found = tracked.filter((file) => {
    if (!existsSync(path.join(ROOT, file))) return false;
    const text = readFileSync(path.join(ROOT, file), 'latin1');
    return forbidden.some((pattern) => pattern.test(text));
  });
  assert.deepEqual(found, []);
});
