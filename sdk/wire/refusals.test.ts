import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REFUSALS, isRefusalCode, refusalRank, refusalText, refuse } from './refusals.ts';

test('a code stands once in the list, in snake case, with a sentence', () => {
  const codes = REFUSALS.map((entry) => entry.code);
  assert.equal(new Set(codes).size, codes.length);
  for (const entry of REFUSALS) {
    assert.match(entry.code, /^[a-z0-9]+(_[a-z0-9]+)*$/);
    assert.match(refusalText(entry.code), /^[A-Z].*\.$/);
  }
});

test('what cannot be read is named before what cannot be proved, and that before the standing of the card', () => {
  const order = ['request', 'desk', 'record', 'proof', 'standing', 'gate'];
  const places = REFUSALS.map((entry) => order.indexOf(entry.where));
  assert.deepEqual(
    places,
    [...places].sort((a, b) => a - b),
  );
  assert.ok(refusalRank('terminal_mac_invalid') < refusalRank('dynamic_signature_invalid'));
  assert.ok(refusalRank('dynamic_signature_invalid') < refusalRank('hotlisted'));
});

test('a refusal carries a field only when there is one', () => {
  assert.deepEqual(refuse('field_invalid', 'record'), { code: 'field_invalid', field: 'record' });
  assert.deepEqual(Object.keys(refuse('hotlisted')), ['code']);
  assert.ok(!isRefusalCode('HOTLISTED'));
});
