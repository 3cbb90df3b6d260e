import { aflVectors } from './afl-vectors.ts';
import { berTlvVectors } from './ber-tlv-vectors.ts';
import { capkVectors } from './capk-vectors.ts';
import { cryptogramVectors } from './cryptogram-vectors.ts';
import { dolVectors } from './dol-vectors.ts';
import { iadVectors } from './iad-vectors.ts';
import { idNumberVectors } from './id-number-vectors.ts';
import { rsaOdaVectors } from './rsa-oda-vectors.ts';
import { sm2OdaVectors } from './sm2-oda-vectors.ts';
import { smCryptoVectors } from './sm-crypto-vectors.ts';
import { traceVectors } from './trace-vectors.ts';
import { tunionVectors } from './tunion-vectors.ts';
import type { VectorFormat } from './vector-case.ts';

/** The card formats of the vectors' README; the first that recognises a case judges it. */
export const VECTOR_FORMATS: readonly VectorFormat[] = [
  traceVectors,
  sm2OdaVectors,
  rsaOdaVectors,
  tunionVectors,
  cryptogramVectors,
  smCryptoVectors,
  iadVectors,
  aflVectors,
  dolVectors,
  idNumberVectors,
  capkVectors,
  berTlvVectors,
];
