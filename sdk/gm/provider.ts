import type { GmProviderName, GmProviders, Sm2Provider, Sm3Provider, Sm4Provider } from './algorithms.ts';
import { nativeProviders } from './native-provider.ts';
import { selfTestSm2, selfTestSm3, selfTestSm4, type SelfTestResult } from './self-test.ts';
import { smCryptoProviders } from './sm-crypto-provider.ts';
import { tableSm4 } from './sm4-tables.ts';

/**
 * Which implementation computes each SM algorithm in this process: chosen once, when this module is loaded, by a known-answer
 * self-test (design.md, "Crypto"). node:crypto is preferred where it passes; sm-crypto is the fallback.
 *
 * SM4 has two: a short input costs OpenSSL more to set up (6 us on Node 20 and 22, 40 us on Node 24) than tables need to
 * encrypt it (a third of a microsecond a block), so inputs up to SM4_SHORT_BYTES_MAX go to sm4-tables and longer ones to
 * node:crypto.
 */
export const SM4_SHORT_BYTES_MAX = 96;

export type GmChoice = { readonly chosen: GmProviderName; readonly fallback: boolean; readonly why: string };
export type GmProviderReport = {
  readonly sm2: GmChoice;
  readonly sm3: GmChoice;
  readonly sm4Short: GmChoice;
  readonly sm4Long: GmChoice;
  /** true when node:crypto was wanted and could not be used: the caller reports it loudly */
  readonly fellBack: boolean;
};

export type ChosenGm = {
  readonly sm2: Sm2Provider;
  readonly sm3: Sm3Provider;
  readonly sm4Short: Sm4Provider;
  readonly sm4Long: Sm4Provider;
  readonly report: GmProviderReport;
};

/**
 * Chooses per algorithm between the native and the fallback implementation.
 *
 * @throws Error when neither implementation of an algorithm reproduces the published examples: nothing can be verified then
 */
export function chooseGmProviders(native: GmProviders, fallback: GmProviders): ChosenGm {
  const sm2 = preferFirst('SM2', native.sm2, fallback.sm2, selfTestSm2);
  const sm3 = preferFirst('SM3', native.sm3, fallback.sm3, selfTestSm3);
  const sm4Long = preferFirst('SM4', native.sm4, fallback.sm4, selfTestSm4);
  const sm4Short = preferFirst('SM4', tableSm4, fallback.sm4, selfTestSm4);
  const report: GmProviderReport = {
    sm2: sm2.choice,
    sm3: sm3.choice,
    sm4Short: { ...sm4Short.choice, why: `up to ${SM4_SHORT_BYTES_MAX} bytes: ${sm4Short.choice.why}` },
    sm4Long: { ...sm4Long.choice, why: `longer inputs: ${sm4Long.choice.why}` },
    fellBack:
      sm2.choice.fallback || sm3.choice.fallback || sm4Long.choice.fallback || sm4Short.choice.fallback,
  };
  return {
    sm2: sm2.provider,
    sm3: sm3.provider,
    sm4Short: sm4Short.provider,
    sm4Long: sm4Long.provider,
    report,
  };
}

function preferFirst<Provider extends { readonly name: GmProviderName }>(
  algorithm: string,
  first: Provider,
  second: Provider,
  selfTest: (provider: Provider) => SelfTestResult,
): { provider: Provider; choice: GmChoice } {
  const firstResult = selfTest(first);
  if (firstResult === 'passed') {
    return {
      provider: first,
      choice: { chosen: first.name, fallback: false, why: `${first.name} passed the self-test` },
    };
  }
  if (selfTest(second) !== 'passed') {
    throw new Error(
      `${algorithm}: neither ${first.name} nor ${second.name} reproduces the published examples`,
    );
  }
  const why = `${first.name}: ${firstResult}; ${second.name} passed the self-test`;
  return { provider: second, choice: { chosen: second.name, fallback: true, why } };
}

export const gm: ChosenGm = chooseGmProviders(nativeProviders, smCryptoProviders);

/** Which provider was chosen for each algorithm, and why. */
export function gmProviderReport(): GmProviderReport {
  return gm.report;
}
