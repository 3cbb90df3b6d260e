import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { hex } from '@tapgate/sdk/emv/hex';
import { parseIad } from '@tapgate/sdk/emv/iad';
import { readCardIdentity } from '@tapgate/sdk/emv/card-identity';
import { readCardObjects } from '@tapgate/sdk/tap-record/card-exchange';
import { readCryptogramType } from '@tapgate/sdk/tap-record/cryptogram-type';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { missing, SHARED_FOLDER } from '../../test-requirements.ts';
import { ODA_PROFILE } from './standard-profiles.ts';
import { tapTransaction } from './tap-transaction.ts';
import type { TapParameters } from './terminal-data.ts';
import { checkTerminalProfile, type TerminalProfile } from './terminal-profile.ts';
import { replay } from './transcript.ts';

// Exchanges of real cards that others recorded: the commands of this kernel must be theirs, byte for byte.

type Trace = {
  readonly name: string;
  readonly steps: readonly { readonly command: string; readonly response: string }[];
  readonly gpo_inputs?: Readonly<Record<string, string>>;
  readonly outcome?: Readonly<Record<string, string>>;
};

/** The values that a trace states for a tag, at any depth of its trees. */
function statedValues(tree: unknown, tag: string): readonly unknown[] {
  if (Array.isArray(tree)) return tree.flatMap((item) => statedValues(item, tag));
  if (typeof tree !== 'object' || tree === null) return [];
  const node = tree as Readonly<Record<string, unknown>>;
  const own = node['tag'] === tag ? [node['value']] : [];
  return [...own, ...statedValues(node['tree'], tag), ...statedValues(node['children'], tag)];
}

const NOBODY = { caKeys: new Map(), revokedIssuerCertificates: new Set<string>() };

function trace(name: string): Trace {
  const file = path.join(SHARED_FOLDER, 'vectors', 'card-traces.json');
  const found = (JSON.parse(readFileSync(file, 'utf8')) as readonly Trace[]).find((entry) =>
    entry.name.startsWith(name),
  );
  assert.ok(found, name);
  return found;
}

test(
  'a recorded qPBOC tap: same commands, same PAN, cryptogram and type',
  { skip: missing('shared') },
  () => {
    const recorded = trace('qPBOC tap, debit AID');
    const inputs = recorded.gpo_inputs ?? {};
    const ttq = inputs['9F66'] ?? '';
    const profile: TerminalProfile = checkTerminalProfile({
      ...ODA_PROFILE,
      ttq: `${ttq.slice(0, 2)}00${ttq.slice(4)}`,
      amount: { kind: 'fare' },
    });
    const tap: TapParameters = {
      amountFen: fen(Number(inputs['9F02'])),
      localDate: isoDate(`20${(inputs['9A'] ?? '').replace(/^(..)(..)(..)$/, '$1-$2-$3')}`),
      localTime: '000000',
      unpredictableNumber: Buffer.from(inputs['9F37'] ?? '', 'hex'),
    };
    const outcome = replay(tapTransaction(profile, tap, NOBODY), recorded.steps);
    // The card sent no locator and no certificate: there is nothing to prove, and the gate stays shut.
    assert.deepEqual(outcome.refusal, { code: 'card_data_missing', field: '94' });
    assert.ok(outcome.exchange);
    const card = readCardObjects(outcome.exchange);
    assert.ok(card.ok);
    const identity = readCardIdentity(card.objects);
    assert.ok(identity.ok);
    const iad = parseIad(card.objects.get('9F10') ?? new Uint8Array(0));
    assert.ok(iad);
    const type = readCryptogramType(iad, card.objects.get('9F27'));
    assert.ok(type.ok);
    assert.deepEqual(
      [
        type.type,
        hex(card.objects.get('9F26') ?? new Uint8Array(0)),
        identity.identity.pan.reveal(),
        hex(card.objects.get('9F5D') ?? new Uint8Array(0)),
      ],
      ['cryptogram_type', 'ac_9F26', 'pan_from_57', 'available_offline_9F5D'].map(
        (key) => recorded.outcome?.[key],
      ),
    );
    // Its outcome states the ATC read one byte late (vector-errata.ts), so the tree of the same trace is asked.
    assert.deepEqual(statedValues(recorded.steps, '9F36'), [
      hex(card.objects.get('9F36') ?? new Uint8Array(0)),
    ]);
  },
);

test(
  'a recorded FCI that asks for the extended-application indicator: selected by a partial name, DF60 told as zero',
  { skip: missing('shared') },
  () => {
    const recorded = trace('PBOC debit FCI with CAPP');
    const [select] = recorded.steps;
    assert.ok(select);
    const [first] = ODA_PROFILE.applications;
    assert.ok(first);
    const profile: TerminalProfile = {
      ...ODA_PROFILE,
      withoutDirectory: 'try_applications',
      applications: [{ ...first, aid: 'A0000003330101' }],
    };
    const tap: TapParameters = {
      amountFen: fen(0),
      localDate: isoDate('2026-11-23'),
      localTime: '081500',
      unpredictableNumber: Buffer.from('A1B2C3D4', 'hex'),
    };
    const dialogue = tapTransaction(profile, tap, NOBODY);
    dialogue.next();
    const selection = dialogue.next(Buffer.from('6A82', 'hex'));
    assert.ok(selection.done !== true);
    // Recorded without its Le, which a reader adds.
    assert.equal(hex(selection.value), `${select.command}00`);
    const options = dialogue.next(Buffer.from(select.response, 'hex'));
    assert.ok(options.done !== true, 'the kernel goes on to GPO');
    assert.match(hex(options.value), /^80A80000/);
    assert.match(hex(options.value), /21800080/);
  },
);
