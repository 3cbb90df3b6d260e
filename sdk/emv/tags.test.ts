import assert from 'node:assert/strict';
import test from 'node:test';
import { bytesFromHex } from './hex.ts';
import { parseTlv } from './ber-tlv.ts';
import { findTag, isSensitiveTag, listTags } from './tags.ts';

test('DF11 is one thing in a T-Union FCI and another in a terminal parameter record', () => {
  assert.equal(findTag('DF11')?.maxBytes, 32);
  assert.equal(findTag('DF11', 'terminal-parameter')?.maxBytes, 5);
});

test('every tag is a tag, once in its scope, with names in both languages and sane lengths', () => {
  for (const scope of ['card', 'terminal-parameter'] as const) {
    const entries = listTags(scope);
    assert.ok(entries.length >= 20);
    for (const entry of entries) {
      const asObject = parseTlv(bytesFromHex(`${entry.tag}00`));
      assert.ok(asObject.ok && asObject.nodes[0]?.tag === entry.tag, entry.tag);
      assert.match(entry.english, /[a-z]/i);
      assert.match(entry.chinese, /[\u4e00-\u9fff]|PDOL/u);
      assert.ok(entry.minBytes <= entry.maxBytes && entry.maxBytes <= 255, entry.tag);
    }
    assert.equal(new Set(entries.map((entry) => entry.tag)).size, entries.length);
  }
});

test('what names a person or an account is sensitive, amounts and counters are not', () => {
  for (const tag of ['57', '5A', '5F20', '9F61', '9F46', '9F20'])
    assert.equal(isSensitiveTag(tag), true, tag);
  for (const tag of ['9F02', '9F36', '5F24', '90', 'DF02']) assert.equal(isSensitiveTag(tag), false, tag);
});
