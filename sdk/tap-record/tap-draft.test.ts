import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Pan } from '../emv/card-identity.ts';
import { terminalId } from '../wire/identifiers.ts';
import { verifyTapRecordMac, parseTapRecord } from './tap-record-codec.ts';
import { DRAFT_BYTES, encodeTapDraft, parseTapDraft, type TapDraft } from './tap-draft.ts';

const mac = (bytes: Uint8Array): Uint8Array => createHmac('sha256', 'terminal').update(bytes).digest();

function draftOf(digits: string, change: Partial<Omit<TapDraft, 'pan'>> = {}): TapDraft {
  const pan = Pan.of(digits);
  assert.ok(pan);
  return { terminalId: terminalId('GATE0001'), pan, panSequenceNumber: '01', atc: 0x1234, ...change };
}

const SAMPLE = draftOf('6230580000000000042');
const SAMPLE_HEX =
  'E244' + 'C10101' + 'C2084741544530303031' + '5A0A6230580000000000042F' + '5F340101' + '9F36021234';

const parsedAgain = (bytes: Uint8Array) => {
  const parsed = parseTapDraft(bytes);
  assert.ok(parsed.ok);
  return parsed;
};
const plain = ({ pan, ...rest }: TapDraft) => ({ ...rest, digits: pan.reveal() });

describe('tap draft', () => {
  test('the bytes on the wire are the drawn layout, always as many', () => {
    const hex = Buffer.from(encodeTapDraft(SAMPLE, mac)).toString('hex').toUpperCase();
    assert.equal(hex.slice(0, SAMPLE_HEX.length + 4), `${SAMPLE_HEX}DE20`);
    assert.equal(hex.length, 2 * DRAFT_BYTES);
    const inner = Buffer.from(SAMPLE_HEX.slice(4), 'hex');
    assert.equal(hex.slice(-64), Buffer.from(mac(inner)).toString('hex').toUpperCase());
  });

  test('decode(encode(draft)) is the draft, and its MAC verifies', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^\d{8,19}$/),
        fc.stringMatching(/^\d{2}$/),
        fc.integer({ min: 0, max: 0xffff }),
        (digits, panSequenceNumber, atc) => {
          const draft = draftOf(digits, { panSequenceNumber, atc });
          const parsed = parsedAgain(encodeTapDraft(draft, mac));
          assert.deepEqual(plain(parsed.draft), plain(draft));
          assert.ok(verifyTapRecordMac(parsed, mac));
        },
      ),
    );
  });

  test('every flipped bit is refused or breaks the MAC, and names its field', () => {
    const bytes = encodeTapDraft(SAMPLE, mac);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const parsed = parseTapDraft(flipped);
      if (parsed.ok) assert.equal(verifyTapRecordMac(parsed, mac), false);
      else assert.match(parsed.refusal.field ?? '', /^E2(\.(?:C1|C2|5A|5F34|9F36|DE))?$/);
    }
  });

  test('cut off anywhere, or followed by anything, it is none', () => {
    const bytes = encodeTapDraft(SAMPLE, mac);
    for (let length = 0; length < bytes.length; length++)
      assert.equal(parseTapDraft(bytes.subarray(0, length)).ok, false);
    assert.equal(parseTapDraft(Buffer.concat([bytes, Uint8Array.of(0)])).ok, false);
  });

  test('it is no tap record, not even in the template of one', () => {
    const bytes = Uint8Array.from(encodeTapDraft(SAMPLE, mac));
    assert.equal(parseTapRecord(bytes).ok, false);
    bytes[0] = 0xe1;
    assert.deepEqual(parseTapRecord(bytes), {
      ok: false,
      refusal: { code: 'record_malformed', field: 'E1.5A' },
    });
  });

  test('a value that does not fit is an error of ours, and its text shows no digit of the card', () => {
    for (const change of [{ atc: 0x1_0000 }, { panSequenceNumber: '001' }])
      assert.throws(
        () => encodeTapDraft(draftOf('6230580000000000042', change), mac),
        (error: unknown) => error instanceof RangeError && !error.message.includes('623058'),
      );
  });
});
