const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?(Z|[+-]\d{2}:\d{2})$/;

/** The first and the last instant that a request may name, ms: within them every instant has a form that the store reads. */
const [FIRST_MS, LAST_MS] = [0, Date.parse('9999-12-31T23:59:59.999Z')];

/** @returns ms since the Unix epoch; null for what is no ISO 8601 instant with its offset, or is before 1970 or after 9999 */
export function readInstant(text: string): number | null {
  const atMs = INSTANT.test(text) ? Date.parse(text) : Number.NaN;
  return atMs >= FIRST_MS && atMs <= LAST_MS ? atMs : null;
}
