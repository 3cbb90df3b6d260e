import assert from 'node:assert/strict';
import type { SeededRandom } from '@tapgate/sdk/emv/seeded-random';
import { CARD_RESPONSE_BYTES_MAX } from '@tapgate/sdk/wire/limits';
import { COMMANDS_MAX, type Dialogue } from './card-dialogue.ts';

// What fuzzing of both kernels has in common: answers that a card should not give, and what a kernel owes whatever it is given.

type Spoiler = (random: SeededRandom, answer: Uint8Array) => Uint8Array | null;

const LENGTHS_THAT_LIE = [0x00, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xff] as const;
/** lists and locators, whose values say how much more is to be read or sent */
const TAGS_OF_LISTS = ['94', '9F38', '8C', '8D', '9F49', '9F4A'].map((tag) => Buffer.from(tag, 'hex'));

const SPOILERS: readonly Spoiler[] = [
  () => null,
  (random) => random.bytes(random.below(300)),
  (random, answer) => answer.subarray(0, random.below(answer.length + 1)),
  (random, answer) => flipped(random, answer, 1),
  (random, answer) => flipped(random, answer, 1 + random.below(8)),
  (random, answer) => withBody(answer, (body) => Buffer.concat([body, random.bytes(random.below(8))])),
  (random, answer) =>
    Buffer.concat([answer.subarray(0, -2), Uint8Array.of(0x60 | random.below(16), random.below(256))]),
  // A length byte that promises what is not there, or leaves over what is.
  (random, answer) => {
    const changed = Uint8Array.from(answer);
    changed[random.below(Math.max(1, changed.length))] = random.pick(LENGTHS_THAT_LIE);
    return changed;
  },
  // A list or a locator with other entries: more records, other files, objects of 255 bytes.
  (random, answer) => {
    const tag = random.pick(TAGS_OF_LISTS);
    const at = Buffer.from(answer).indexOf(tag);
    if (at < 0) return flipped(random, answer, 1);
    const changed = Uint8Array.from(answer);
    const valueAt = at + tag.length + 1;
    for (let edits = 1 + random.below(3); edits > 0; edits--)
      changed[Math.min(valueAt + random.below(12), changed.length - 1)] = random.below(256);
    return changed;
  },
  // Longer than a short response may be.
  (random) => random.bytes(CARD_RESPONSE_BYTES_MAX + 1 + random.below(70_000)),
];

function flipped(random: SeededRandom, answer: Uint8Array, bits: number): Uint8Array {
  const changed = Uint8Array.from(answer);
  for (let count = 0; count < bits; count++) {
    const bit = random.below(Math.max(1, changed.length * 8));
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  }
  return changed;
}

function withBody(answer: Uint8Array, change: (body: Uint8Array) => Uint8Array): Uint8Array {
  return Buffer.concat([change(answer.subarray(0, -2)), answer.subarray(-2)]);
}

/** The answer spoiled in one of the ways; null is a card that has left. */
export function spoiled(random: SeededRandom, answer: Uint8Array): Uint8Array | null {
  return random.pick(SPOILERS)(random, answer);
}

export type Driven<Result> = {
  readonly result: Result;
  /** as given, to run the case again */
  readonly answers: readonly (Uint8Array | null)[];
};

/**
 * Drives a dialogue to its end and asserts what holds whatever it is answered: at most COMMANDS_MAX commands, each a short APDU
 * whose Lc is the length of its data.
 */
export function driveFuzzed<Result>(
  dialogue: Dialogue<Result>,
  answer: (index: number, command: Uint8Array) => Uint8Array | null,
): Driven<Result> {
  const answers: (Uint8Array | null)[] = [];
  let step = dialogue.next();
  while (step.done !== true) {
    assert.ok(answers.length < COMMANDS_MAX, 'one command too many');
    assertShortCommand(step.value);
    const given = answer(answers.length, step.value);
    answers.push(given);
    step = dialogue.next(given);
  }
  return { result: step.value, answers };
}

/** ISO 7816-4 short form: 4 bytes of header; Le; or Lc, data and perhaps Le. */
function assertShortCommand(command: Uint8Array): void {
  const dataBytes = command[4];
  assert.ok(dataBytes !== undefined, 'a command without Lc and Le');
  const isWhole =
    command.length === 5 || command.length === 5 + dataBytes || command.length === 6 + dataBytes;
  assert.ok(isWhole && command.length <= 261, `a command of ${command.length} bytes with P3 ${dataBytes}`);
}
