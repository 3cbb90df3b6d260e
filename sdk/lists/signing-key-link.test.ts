import assert from 'node:assert/strict';
import test from 'node:test';
import { sm2KeyPairFromSeed, sm2Sign, type Sm2KeyPair } from '../gm/sm2.ts';
import {
  judgeKeyLink,
  keyLinkMessage,
  writeKeyStatement,
  type SigningKey,
  type SigningKeyLink,
} from './signing-key-link.ts';

const pairs = [1, 2, 3].map((version) => sm2KeyPairFromSeed(Buffer.from(`list key ${version}`)));
const pair = (version: number): Sm2KeyPair => pairs[version - 1] ?? assert.fail();
const key = (version: number): SigningKey => ({
  keyId: `list-signing/${version}`,
  publicKeyXy: pair(version).publicKeyXy,
});

function signed(statement: string, by: number): SigningKeyLink {
  const signature = sm2Sign({ ...pair(by), message: keyLinkMessage(statement) });
  return { statement, signature: Buffer.from(signature).toString('base64') };
}

test('the next key is taken when the key that is held has signed it', () => {
  const judged = judgeKeyLink(signed(writeKeyStatement(key(2)), 1), key(1));
  assert.ok(judged.ok);
  assert.equal(writeKeyStatement(judged.key), writeKeyStatement(key(2)));
});

const refusals: readonly (readonly [string, SigningKeyLink, string])[] = [
  ['signed by the key itself', signed(writeKeyStatement(key(3)), 3), 'signing_key_signature_invalid'],
  ['an earlier link again', signed(writeKeyStatement(key(2)), 1), 'signing_key_signature_invalid'],
  [
    'another text than was signed',
    { ...signed(writeKeyStatement(key(3)), 2), statement: writeKeyStatement(key(1)) },
    'signing_key_signature_invalid',
  ],
  ['no JSON', signed('list-signing/3', 2), 'signing_key_malformed'],
  ['a field more', signed(writeKeyStatement(key(3)).replace('}', ',"x":1}'), 2), 'signing_key_malformed'],
  [
    'a point that is no key',
    signed(writeKeyStatement({ keyId: 'list-signing/3', publicKeyXy: Buffer.alloc(64, 1) }), 2),
    'signing_key_malformed',
  ],
  ['back to the first', signed(writeKeyStatement(key(1)), 2), 'signing_key_downgrade'],
  ['the same version again', signed(writeKeyStatement(key(2)), 2), 'signing_key_downgrade'],
  [
    'a version left out',
    signed(writeKeyStatement({ ...key(3), keyId: 'list-signing/4' }), 2),
    'signing_key_not_next',
  ],
];
for (const [what, link, code] of refusals) {
  test(`a terminal that holds the second key refuses ${what}: ${code}`, () => {
    assert.deepEqual(judgeKeyLink(link, key(2)), { ok: false, code });
  });
}
