import assert from 'node:assert/strict';
import { hex } from '@tapgate/sdk/emv/hex';
import type { Dialogue } from './card-dialogue.ts';

/** One command and its answer, in upper-case hex; `null` is a card that has left. `why` says what the line is there for. */
export type TranscriptLine = {
  readonly command: string;
  readonly response: string | null;
  readonly why?: string;
};

/**
 * Replays a transcript to a kernel byte for byte. Stops at the first command that is not the expected one, and asks that every
 * line was used: a kernel that says less than before fails as one that says more.
 */
export function replay<Result>(dialogue: Dialogue<Result>, lines: readonly TranscriptLine[]): Result {
  let step = dialogue.next();
  for (const [index, line] of lines.entries()) {
    assert.ok(step.done !== true, `ended before command ${index + 1} (${line.why ?? line.command})`);
    assert.equal(hex(step.value), line.command, `command ${index + 1} (${line.why ?? ''})`);
    step = dialogue.next(line.response === null ? null : Buffer.from(line.response, 'hex'));
  }
  assert.ok(step.done === true, `one more command than the transcript has: ${lines.length}`);
  return step.value;
}

/** Writes a transcript down: what a dialogue said to something that answers. */
export function record<Result>(
  dialogue: Dialogue<Result>,
  answer: (command: Uint8Array) => Uint8Array | null,
): { readonly lines: readonly TranscriptLine[]; readonly result: Result } {
  const lines: TranscriptLine[] = [];
  let step = dialogue.next();
  while (step.done !== true) {
    const response = answer(step.value);
    lines.push({ command: hex(step.value), response: response === null ? null : hex(response) });
    step = dialogue.next(response);
  }
  return { lines, result: step.value };
}
