import { parseHex } from '../../emv/hex.ts';

/** One case of a vector file: an object of JSON, every key of which another wrote. */
export type VectorCase = Readonly<Record<string, unknown>>;

/** What our code computes for the keys that a case expects. */
export type ComputedValues = ReadonlyMap<string, unknown>;

export type Judgement =
  | { readonly kind: 'computed'; readonly values: ComputedValues; readonly expected: VectorCase }
  /** the case asks for something that this runner does not know: never counted as passed */
  | { readonly kind: 'unsupported'; readonly why: string };

/** One format of the vectors' README. */
export type VectorFormat = {
  readonly name: string;
  /** decided by the keys of a case, not by the name of its file */
  readonly recognises: (vector: VectorCase) => boolean;
  readonly judge: (vector: VectorCase) => Judgement;
};

/** The case does not have the form of its format; the message names the key, never a value. */
export class VectorFormError extends Error {}

export function isObject(value: unknown): value is VectorCase {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function objectAt(vector: VectorCase, key: string): VectorCase {
  const value = vector[key];
  if (!isObject(value)) throw new VectorFormError(`${key} is not an object`);
  return value;
}

export function listAt(vector: VectorCase, key: string): readonly unknown[] {
  const value = vector[key];
  if (!Array.isArray(value)) throw new VectorFormError(`${key} is not a list`);
  return value as readonly unknown[];
}

export function textAt(vector: VectorCase, key: string): string {
  const value = vector[key];
  if (typeof value !== 'string') throw new VectorFormError(`${key} is not a text`);
  return value;
}

export function hexAt(vector: VectorCase, key: string): Uint8Array {
  const bytes = parseHex(textAt(vector, key).replaceAll(/\s/g, ''));
  if (bytes === null) throw new VectorFormError(`${key} is not hex`);
  return bytes;
}

/** Bytes of a key that a case may lack or set to null. */
export function optionalHexAt(vector: VectorCase, key: string): Uint8Array | undefined {
  const value = vector[key];
  return value === undefined || value === null ? undefined : hexAt(vector, key);
}

export function computed(vector: VectorCase, values: Readonly<Record<string, unknown>>): Judgement {
  return {
    kind: 'computed',
    values: new Map(Object.entries(values)),
    expected: objectAt(vector, 'expected'),
  };
}

export function unsupported(why: string): Judgement {
  return { kind: 'unsupported', why };
}
