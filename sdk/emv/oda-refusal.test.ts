import assert from 'node:assert/strict';
import test from 'node:test';
import { isRefusalCode } from '../wire/refusals.ts';
import { ODA_REFUSALS, odaRefusalRank, odaRefusalText, proofRefusalOf } from './oda-refusal.ts';

test('every refusal has a rank of its own, a sentence, and a word of the wire', () => {
  const codes = ODA_REFUSALS.map((entry) => entry.code);
  assert.equal(new Set(codes).size, codes.length);
  assert.equal(new Set(ODA_REFUSALS.map((entry) => entry.text)).size, codes.length);
  codes.forEach((code, rank) => {
    assert.equal(odaRefusalRank(code), rank);
    assert.match(odaRefusalText(code), /^[A-Z].*\.$/);
    assert.ok(isRefusalCode(proofRefusalOf(code)));
  });
});

test('an issuer is judged before its card, and the card before its signature', () => {
  assert.ok(
    odaRefusalRank('issuer_certificate_signature_invalid') < odaRefusalRank('icc_certificate_length_invalid'),
  );
  assert.ok(
    odaRefusalRank('icc_certificate_signature_invalid') < odaRefusalRank('dynamic_signature_invalid'),
  );
});
