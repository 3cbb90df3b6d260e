import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveSessionKey } from '@tapgate/sdk/emv/card-keys';
import { verifyCryptogram, verifyDiscretionaryMac } from '@tapgate/sdk/emv/cryptogram';
import { parseIad } from '@tapgate/sdk/emv/iad';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { firstOf } from '@tapgate/sdk/tap-record/object-table';
import { driveKernel } from '../devices/drive-kernel.ts';
import { CARD_FAULT_NAMES, type CardFaultName, makeFaultyCard } from '../virtual-cards/faulty-card.ts';
import { presentVirtualCard } from '../virtual-cards/in-process-channel.ts';
import { makeTestIssuer } from '../virtual-cards/test-issuer.ts';
import type { VirtualCard } from '../virtual-cards/virtual-card.ts';
import type { KernelOutcome } from './kernel-outcome.ts';
import { OFFLINE_PURCHASE_PROFILE } from './standard-profiles.ts';
import { tapTransaction } from './tap-transaction.ts';
import { record } from './transcript.ts';

// Each fault of a virtual card, switched on by its name, and the outcome that it must reach.

const ISSUER = makeTestIssuer({ seed: 'faulty cards', bin: '623058' });
const { caKeys, revokedIssuerCertificates } = ISSUER;
const COMMANDS_OF_TAP = 7;
const order = {
  seed: 'faulty card',
  pan: '6230580000000000042',
  psn: '01',
  expiry: isoDate('2030-06-30'),
  balanceFen: fen(10_000),
};

function make(fault: CardFaultName, at = 1): VirtualCard {
  return makeFaultyCard(fault, order, { issuer: ISSUER, at, slowMs: 40 });
}

/** Each tap with a random of its own, as terminals have it. */
let taps = 0;
function transaction() {
  const unpredictableNumber = Buffer.alloc(4);
  unpredictableNumber.writeUInt32BE(++taps);
  const tap = {
    amountFen: fen(200),
    localDate: isoDate('2026-11-23'),
    localTime: '081500',
    unpredictableNumber,
  };
  return tapTransaction(OFFLINE_PURCHASE_PROFILE, tap, { caKeys, revokedIssuerCertificates });
}

function tapCard(card: VirtualCard): KernelOutcome {
  card.powerUp();
  return record(transaction(), (command) => card.transmit(command)).result;
}

/** Kind, refusal and the last finding of the trace. */
function end(outcome: KernelOutcome): string {
  const finding = outcome.trace.at(-1)?.finding ?? '';
  return [outcome.kind, outcome.refusal?.code ?? 'none', finding].join(' ');
}

const CASES: Readonly<Record<CardFaultName, () => Promise<void> | void>> = {
  async slow() {
    const waits: number[] = [];
    const channel = presentVirtualCard(make('slow'), (ms) => {
      waits.push(ms);
      return Promise.resolve();
    });
    assert.equal(end(await driveKernel(transaction(), channel)), 'approved none approved');
    assert.deepEqual(waits, new Array<number>(COMMANDS_OF_TAP).fill(40));
  },
  torn() {
    const ends = new Map<string, number>();
    for (let at = 1; at <= COMMANDS_OF_TAP; at++) {
      const outcome = tapCard(make('torn', at));
      assert.equal(end(outcome), 'try_again card_torn torn', `command ${at}`);
      const phase = outcome.trace.at(-1)?.phase ?? '';
      ends.set(phase, (ends.get(phase) ?? 0) + 1);
    }
    assert.deepEqual(
      [...ends],
      [
        ['directory', 1],
        ['application_selection', 1],
        ['processing_options', 1],
        ['card_data', 4],
      ],
    );
    assert.equal(end(tapCard(make('torn', COMMANDS_OF_TAP + 1))), 'approved none approved');
  },
  wrong_length() {
    const expected = [
      'declined card_protocol_error unreadable',
      'declined card_protocol_error unreadable',
      'declined card_data_invalid unreadable',
      ...new Array<string>(4).fill('declined card_data_invalid card_data_invalid'),
    ];
    assert.deepEqual(
      expected.map((_, index) => end(tapCard(make('wrong_length', index + 1)))),
      expected,
    );
  },
  garbage() {
    for (let at = 1; at <= COMMANDS_OF_TAP; at++) {
      const outcome = tapCard(make('garbage', at));
      assert.equal(outcome.kind, 'declined');
      assert.match(outcome.refusal?.code ?? '', /^card_(protocol_error|data_invalid|unsupported)$/);
    }
  },
  cloned() {
    assert.equal(
      end(tapCard(make('cloned'))),
      'declined dynamic_signature_invalid dynamic_signature_invalid',
    );
  },
  expired() {
    assert.equal(end(tapCard(make('expired'))), 'declined card_certificate_expired icc_certificate_expired');
  },
  revoked_issuer() {
    assert.equal(
      end(tapCard(make('revoked_issuer'))),
      'declined issuer_certificate_invalid issuer_certificate_revoked',
    );
  },
  wrong_mac() {
    // A terminal has no issuer's key: the gate opens, and whoever holds the key refuses.
    const { evidence, kind } = tapCard(make('wrong_mac'));
    assert.equal(kind, 'approved');
    assert.ok(evidence);
    const { pan, panSequenceNumber } = evidence.identity;
    const keys = {
      algorithm: 'SM4',
      masterKey: ISSUER.issuer.imkAc,
      owner: { pan, panSequenceNumber },
    } as const;
    const objects = firstOf(evidence.cardObjects, evidence.terminal.objects);
    const bytesOf = (tag: string) => objects.get(tag) ?? new Uint8Array(0);
    const iad = parseIad(bytesOf('9F10'));
    const check = verifyCryptogram(bytesOf('9F26'), iad, objects, keys);
    assert.deepEqual(check, { ok: false, refusal: { code: 'cryptogram_mismatch', field: '9F26' } });
    assert.ok(iad?.discretionary);
    const udkMac = make('wrong_mac').personalisation.payment.smChain.udkMac;
    const atc = bytesOf('9F36');
    const macKey = deriveSessionKey('SM4', udkMac, atc);
    assert.equal(verifyDiscretionaryMac('SM4', macKey, atc, iad.discretionary), false);
    const inverted = { ...iad.discretionary, mac: iad.discretionary.mac.map((byte) => byte ^ 0xff) };
    assert.equal(verifyDiscretionaryMac('SM4', macKey, atc, inverted), true);
  },
  replaying() {
    const card = make('replaying');
    assert.equal(tapCard(card).kind, 'approved', 'the first answer is the genuine one that is recorded');
    assert.equal(end(tapCard(card)), 'declined dynamic_signature_invalid dynamic_signature_invalid');
  },
};

for (const fault of CARD_FAULT_NAMES) test(`a card that is ${fault} reaches its outcome`, CASES[fault]);

test('a fault that is switched off leaves a genuine card', () => {
  for (const fault of ['torn', 'wrong_length', 'garbage', 'cloned', 'wrong_mac'] as const) {
    const card = make(fault);
    tapCard(card);
    card.faults = {};
    assert.equal(end(tapCard(card)), 'approved none approved', fault);
  }
});
