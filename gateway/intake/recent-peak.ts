/** Longer than a batch of taps takes from the first answer to the next tap behind it, and shorter than anybody waits for his turn. */
const SPAN_MS = 100;

/** The highest value of the last tenth of a second or two, told in two spans, so that it costs a comparison. */
export class RecentPeak {
  #spanStartMs = Number.NEGATIVE_INFINITY;
  #inSpan = 0;
  #before = 0;

  note(value: number, nowMs: number): void {
    this.#moveOn(nowMs);
    if (value > this.#inSpan) this.#inSpan = value;
  }

  peak(nowMs: number): number {
    this.#moveOn(nowMs);
    return Math.max(this.#inSpan, this.#before);
  }

  #moveOn(nowMs: number): void {
    const spans = Math.floor((nowMs - this.#spanStartMs) / SPAN_MS);
    if (spans < 1) return;
    this.#before = spans === 1 ? this.#inSpan : 0;
    this.#inSpan = 0;
    this.#spanStartMs = nowMs;
  }
}
