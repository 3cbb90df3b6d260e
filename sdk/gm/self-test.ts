import type { Sm2Provider, Sm3Provider, Sm4Provider } from './algorithms.ts';
import { SM2_KNOWN_ANSWER, SM3_KNOWN_ANSWERS, SM4_KNOWN_ANSWER } from './known-answers.ts';

/**
 * Known-answer self-tests: each says whether a provider computes the published examples. A provider that throws has failed as
 * one that computes wrongly has; its message is not kept, because only the fact decides.
 */
export type SelfTestResult = 'passed' | 'wrong answer' | 'algorithm unavailable';

function judge(test: () => boolean): SelfTestResult {
  try {
    return test() ? 'passed' : 'wrong answer';
  } catch {
    return 'algorithm unavailable';
  }
}

const bytes = (hexText: string): Uint8Array => new Uint8Array(Buffer.from(hexText, 'hex'));
const same = (actual: Uint8Array, expectedHex: string): boolean =>
  Buffer.compare(actual, bytes(expectedHex)) === 0;

export function selfTestSm3(provider: Sm3Provider): SelfTestResult {
  return judge(() =>
    SM3_KNOWN_ANSWERS.every(({ messageHex, digestHex }) =>
      same(provider.digest(bytes(messageHex)), digestHex),
    ),
  );
}

export function selfTestSm4(provider: Sm4Provider): SelfTestResult {
  const { keyHex, plaintextHex, ciphertextHex } = SM4_KNOWN_ANSWER;
  const key = bytes(keyHex);
  const plaintext = bytes(plaintextHex);
  const ciphertext = bytes(ciphertextHex);
  const zeroIv = new Uint8Array(16);
  return judge(
    () =>
      same(provider.ecb('encrypt', key, plaintext), ciphertextHex) &&
      same(provider.ecb('decrypt', key, ciphertext), plaintextHex) &&
      same(provider.cbc('encrypt', key, zeroIv, plaintext), ciphertextHex) &&
      same(provider.cbc('decrypt', key, plaintext, ciphertext), '00'.repeat(16)) &&
      same(provider.ctr(key, plaintext, zeroIv), ciphertextHex),
  );
}

/** A provider must accept the published signature, refuse it over another message, and verify what it signs itself. */
export function selfTestSm2(provider: Sm2Provider): SelfTestResult {
  const publicKeyXy = bytes(SM2_KNOWN_ANSWER.publicKeyXyHex);
  const privateKey = bytes(SM2_KNOWN_ANSWER.privateKeyHex);
  const rs = bytes(SM2_KNOWN_ANSWER.signatureRsHex);
  const prefixed = bytes(SM2_KNOWN_ANSWER.zHex + SM2_KNOWN_ANSWER.messageHex);
  const altered = bytes(`${SM2_KNOWN_ANSWER.zHex}00`);
  return judge(() => {
    const key = provider.importPublicKey(publicKeyXy);
    return (
      same(provider.publicKeyOf(privateKey), SM2_KNOWN_ANSWER.publicKeyXyHex) &&
      provider.verify(key, prefixed, rs) &&
      !provider.verify(key, altered, rs) &&
      provider.verify(key, altered, provider.sign(privateKey, publicKeyXy, altered))
    );
  });
}
