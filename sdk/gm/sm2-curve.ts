/**
 * The SM2 recommended curve, GB/T 32918.5-2017 (sm2p256v1, OID 1.2.156.10197.1.301): y^2 = x^3 + ax + b over a 256-bit prime.
 * Only what a caller must decide without a provider lives here: whether a point is on the curve, whether a number is in the
 * range of a signature or of a private key.
 */
const FIELD_PRIME = 0xfffffffeffffffffffffffffffffffffffffffff00000000ffffffffffffffffn;
const COEFFICIENT_A = 0xfffffffeffffffffffffffffffffffffffffffff00000000fffffffffffffffcn;
const COEFFICIENT_B = 0x28e9fa9e9d9f5e344d5a9e4bcf6509a7f39789f515ab8f92ddbcbd414d940e93n;
const BASE_X = 0x32c4ae2c1f1981195f9904466a39c9948fe30bbff2660be1715a4589334c74c7n;
const BASE_Y = 0xbc3736a2f4f6779c59bdcee36b692153d0a9877cc62a474002df32e52139f0a0n;

/** Order of the base point. */
export const SM2_ORDER = 0xfffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123n;

const ORDER_BYTES = bytesOfScalar(SM2_ORDER);

/** a, b, Gx, Gy as 128 bytes: the part of the Z input that never changes (GB/T 32918.2-2016, 5.5). */
export const SM2_CURVE_FOR_Z: Uint8Array = concatScalars(COEFFICIENT_A, COEFFICIENT_B, BASE_X, BASE_Y);

export function scalarOfBytes(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`);
}

export function bytesOfScalar(scalar: bigint): Uint8Array {
  return new Uint8Array(Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex'));
}

function concatScalars(...scalars: bigint[]): Uint8Array {
  const bytes = new Uint8Array(32 * scalars.length);
  scalars.forEach((scalar, index) => {
    bytes.set(bytesOfScalar(scalar), 32 * index);
  });
  return bytes;
}

/**
 * Decides whether 64 bytes X, Y are an affine point of the curve. Both coordinates must be below the prime: a coordinate that
 * is only congruent to a good one would be a second encoding of the same key.
 */
export function isOnSm2Curve(xy: Uint8Array): boolean {
  if (xy.length !== 64) return false;
  const x = scalarOfBytes(xy.subarray(0, 32));
  const y = scalarOfBytes(xy.subarray(32));
  if (x >= FIELD_PRIME || y >= FIELD_PRIME) return false;
  return (y * y - (x * x * x + COEFFICIENT_A * x + COEFFICIENT_B)) % FIELD_PRIME === 0n;
}

/** Decides whether 32 bytes are a number in 1..n-1, which r and s of a signature must be (pboc-contactless.md 4.3). */
export function isSignatureScalar(bytes: Uint8Array): boolean {
  if (bytes.length !== 32) return false;
  let anyBit = 0;
  for (const byte of bytes) anyBit |= byte;
  return anyBit !== 0 && Buffer.compare(bytes, ORDER_BYTES) < 0;
}

/**
 * A private key in 1..n-2 from at least 48 bytes: the surplus of 128 bits keeps the bias of the reduction below 2^-127.
 *
 * @throws RangeError for fewer than 48 bytes
 */
export function privateKeyFromUniformBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 48) throw new RangeError('a private key is reduced from at least 48 bytes');
  return bytesOfScalar((scalarOfBytes(bytes) % (SM2_ORDER - 2n)) + 1n);
}
