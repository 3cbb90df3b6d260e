import { holdsSm2Claim, type Sm2Claim } from '@tapgate/sdk/emv/sm2-claim';
import { importSm2PublicKey, sm2KeyPairFromSeed, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { serveOrders } from './child.ts';

// Floor (a): SM2 verification and nothing else. One such process stands on every core at once.

const CLAIMS = 256;
/** As many bytes as a dynamic signature covers. */
const MESSAGE_BYTES = 33;

const claims: Sm2Claim[] = Array.from({ length: CLAIMS }, (_, index) => {
  const pair = sm2KeyPairFromSeed(Buffer.from(`floor ${process.pid} ${index}`));
  const message = Buffer.alloc(MESSAGE_BYTES, index);
  return { publicKeyXy: pair.publicKeyXy, message, signatureRs: sm2Sign({ ...pair, message }) };
});

/** Every card has a key of its own, so a key is imported for each check. @returns checks a second */
function verify({ seconds }: { readonly seconds: number }): number {
  const startedMs = performance.now();
  const endMs = startedMs + seconds * 1_000;
  let checks = 0;
  while (performance.now() < endMs) {
    for (const claim of claims) {
      const key = importSm2PublicKey(claim.publicKeyXy);
      if (key === null || !holdsSm2Claim(claim, key)) throw new Error('a good signature did not verify');
      checks += 1;
    }
  }
  return checks / ((performance.now() - startedMs) / 1_000);
}

serveOrders({ verify });
