import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { missing, SHARED_FOLDER } from '../../../test-requirements.ts';
import { digestFile } from '../../jobs/batch-file.ts';
import { isCnapsCode } from '../cnaps-code.ts';
import { SchemaFolder } from '../iso20022/load-schemas.ts';
import { grammarOf } from '../iso20022/message-grammars.ts';
import { MessageReader } from '../iso20022/message-reader.ts';
import { inspectFiles, listFiles, type InspectedFile } from './load-inspection.ts';

// Real messages of many hands, with the verdict of xmllint on each; our own variants, with the business verdict of each.

const skip = missing('shared');
const DATA = path.join(SHARED_FOLDER, 'clearing-data');
const SCHEMAS = path.join(DATA, 'xsd');
const scratch = mkdtempSync(path.join(tmpdir(), 'tapgate-samples-'));
after(() => {
  rmSync(scratch, { recursive: true, force: true });
});

type Verdict = { readonly file: string; readonly xsd_valid: boolean | null; readonly message: string | null };
type Expected = {
  readonly file: string;
  readonly xsd_valid: boolean;
  readonly business_valid: boolean;
};

function inspect(folder: string, schemas: SchemaFolder | null): Map<string, InspectedFile> {
  const options = { schemas, expected: null, publicKeyXy: null, digestOf: digestFile };
  const files = listFiles([path.join(DATA, 'samples', folder)]);
  return new Map(
    [...inspectFiles(files, options)].map((inspected) => [path.basename(inspected.file), inspected]),
  );
}

const manifest = (): Verdict[] =>
  JSON.parse(readFileSync(path.join(DATA, 'samples/iso20022/MANIFEST.json'), 'utf8')) as Verdict[];
const expected = (): Expected[] =>
  (
    JSON.parse(readFileSync(path.join(DATA, 'samples/synthetic/EXPECTED.json'), 'utf8')) as {
      cases: Expected[];
    }
  ).cases;

test('with schemas, every sample has the verdict of xmllint', { skip }, () => {
  const inspected = inspect('iso20022', new SchemaFolder(SCHEMAS));
  assert.ok(manifest().length >= 80);
  for (const { file, xsd_valid } of manifest())
    assert.equal(inspected.get(file)?.schemaValid, xsd_valid, file);
});

test('without schemas, our own rules give the same verdict on every message that we read', { skip }, () => {
  const inspected = inspect('iso20022', null);
  const ours = manifest().filter(({ message }) => grammarOf(message?.split('+')[0] ?? '') !== null);
  assert.ok(ours.length >= 30);
  for (const { file, xsd_valid } of ours) assert.equal(inspected.get(file)?.schemaValid, xsd_valid, file);
});

test('our variants have their business verdicts, with schemas and without', { skip }, () => {
  for (const schemas of [null, new SchemaFolder(SCHEMAS)]) {
    const inspected = inspect('synthetic', schemas);
    for (const { file, xsd_valid, business_valid } of expected()) {
      const verdict = inspected.get(file);
      assert.ok(verdict, file);
      assert.equal(verdict.businessValid, business_valid, file);
      // Of another version than the expectation's schema: it holds the form of its own version.
      if (file !== 'bad-namespace-v09.xml') assert.equal(verdict.schemaValid, xsd_valid, file);
    }
  }
});

test('files of other kinds are of an unknown kind, not of ours', { skip }, () => {
  for (const [file, inspected] of inspect('iso8583', null)) assert.equal(inspected.format, null, file);
});

test('every CNAPS code we hold has the check digit that its vector says', { skip }, () => {
  const lines = readFileSync(path.join(DATA, 'codes/cnaps-checkdigit-vectors.csv'), 'utf8')
    .trim()
    .split('\n')
    .slice(1);
  assert.ok(lines.length >= 40);
  for (const line of lines) {
    const [code = ''] = line.split(',');
    assert.equal(isCnapsCode(code), line.trim().endsWith('True'), line);
  }
});

/** The linear congruential generator of C's reference manual: enough to choose mutants, and the same everywhere. */
function choices(seed: number): <Item>(items: readonly Item[]) => Item {
  let state = seed;
  return (items) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    const item = items[state % items.length];
    if (item === undefined) throw new Error('nothing to choose from');
    return item;
  };
}

type Span = {
  start: number;
  contentStart: number;
  contentEnd: number;
  end: number;
  leaf: boolean;
  parent: number;
};

function elementSpans(text: string): Span[] {
  const spans: Span[] = [];
  const open: number[] = [];
  const token = /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<(\/?)([\w:.-]+)((?:"[^"]*"|'[^']*'|[^>"'])*?)(\/?)>/g;
  for (const match of text.matchAll(token)) {
    if (match[2] === undefined) continue;
    const end = match.index + match[0].length;
    if (match[1] === '/') {
      const span = spans[open.pop() ?? -1];
      if (span !== undefined) Object.assign(span, { contentEnd: match.index, end });
      continue;
    }
    const parent = open.at(-1) ?? -1;
    const above = spans[parent];
    if (above !== undefined) above.leaf = false;
    spans.push({ start: match.index, contentStart: end, contentEnd: end, end, leaf: true, parent });
    if (match[4] !== '/') open.push(spans.length - 1);
  }
  return spans;
}

const VALUES = [
  '',
  'x'.repeat(36),
  'x'.repeat(141),
  'X',
  '12',
  '-1',
  '2020-02-30',
  '2026-11-21',
  '2026-11-21T10:00:00Z',
  '1.123456',
  '0',
  'true',
  'ABCDCN22',
  '1'.repeat(16),
  'CRDT',
  'BOOK',
  '  12 ',
  'CN',
  '汉字',
];

/** One change to one element, as a hand or a broken program would make it. */
function mutant(text: string, pick: <Item>(items: readonly Item[]) => Item): string {
  const spans = elementSpans(text);
  const document = spans.findIndex((span) =>
    /^<(\w+:)?Document\b/.test(text.slice(span.start, span.start + 60)),
  );
  const inside = spans.filter((_, index) => index > document);
  const { start, end, contentStart, contentEnd, leaf } = pick(inside);
  const element = text.slice(start, end);
  switch (pick(['remove', 'repeat', 'rename', 'value', 'value', 'attribute', 'empty'])) {
    case 'remove':
      return text.slice(0, start) + text.slice(end);
    case 'repeat':
      return text.slice(0, end) + element + text.slice(end);
    case 'rename':
      return (
        text.slice(0, start) +
        element.replace(/^<[\w:.-]+/, '<Zzz').replace(/<\/[\w:.-]+>$/, '</Zzz>') +
        text.slice(end)
      );
    case 'value':
      return leaf ? text.slice(0, contentStart) + pick(VALUES) + text.slice(contentEnd) : text;
    case 'attribute': {
      const tag = text.slice(start, contentStart);
      const changed = tag.includes(' Ccy=')
        ? tag.replace(/ Ccy=("[^"]*"|'[^']*')/, pick(['', ' Ccy="eu"']))
        : tag.replace(/(\/?>)$/, `${pick([' Ccy="EUR"', ' Foo="1"'])}$1`);
      return text.slice(0, start) + changed + text.slice(contentStart);
    }
    default:
      return text.slice(0, contentStart) + text.slice(contentEnd);
  }
}

test('on spoiled copies of every message that we read, our own rules and its schema agree', { skip }, (t) => {
  const seed = Number(process.env['SEED'] ?? 20_261_121);
  const perFile = Number(process.env['MUTANTS'] ?? 12);
  t.diagnostic(`seed ${seed}`);
  const pick = choices(seed);
  const schemas = new SchemaFolder(SCHEMAS);
  const file = path.join(scratch, 'mutant.xml');
  const folder = path.join(DATA, 'samples');
  const sources = [
    ...readdirSync(path.join(folder, 'iso20022')).map((name) => path.join(folder, 'iso20022', name)),
    path.join(folder, 'synthetic/valid-cny-2banks.xml'),
  ].filter((name) => /valid[_-]/.test(path.basename(name)) && !path.basename(name).startsWith('invalid'));
  let judged = 0;
  let broken = 0;
  for (const source of sources) {
    const text = readFileSync(source, 'utf8');
    const message = /Document[^>]*tech:xsd:((?:pain|camt)\.\d{3}\.\d{3}\.\d{2})/.exec(text)?.[1] ?? '';
    if (grammarOf(message) === null) continue;
    for (let round = 0; round < perFile; round += 1) {
      const spoiled = mutant(text, pick);
      writeFileSync(file, spoiled);
      const bySchema = schemas.judge(file)?.valid;
      const reader = new MessageReader(null);
      reader.push(Buffer.from(spoiled));
      const byRules = reader.end();
      assert.equal(
        byRules.schemaValid,
        bySchema,
        `${path.basename(source)}, round ${round}: ${JSON.stringify(byRules.errors.slice(0, 2))}`,
      );
      judged += 1;
      if (bySchema === false) broken += 1;
    }
  }
  assert.ok(judged > 300 && broken > judged / 3 && broken < judged, `${broken} of ${judged} are broken`);
});
