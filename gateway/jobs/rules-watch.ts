import type { Rules } from '../fares/load-rules.ts';

/** Rules that were put down beside a running gateway and cannot be used: the ones before are in force still. */
export class RulesUnusable extends Error {
  override readonly name = 'RulesUnusable';
  readonly code = 'rules_unusable';
}

export type RulesWatchParts = {
  /** tells one state of the files from another */
  readonly readMark: () => Promise<string>;
  /** reads them. @throws Error naming file and reason */
  readonly load: () => Promise<Rules>;
  /** what must be there before a fare rests on them: accounts of a funder that is new */
  readonly prepare: (rules: Rules) => Promise<void>;
};

/**
 * The rules by which a running gateway finds fares, read again when their files have changed: day types of the next year, a new
 * version of a rule set. Files are read when they looked the same twice, so that nobody's half-written file comes into force; and
 * what cannot be used changes nothing and is reported once.
 */
export class RulesWatch {
  readonly #parts: RulesWatchParts;
  #rules: Rules;
  /** of the files that were read last, usable or not */
  #read: string;
  #seen: string;

  /** @param mark of the files before `rules` were read from them */
  constructor(rules: Rules, mark: string, parts: RulesWatchParts) {
    this.#rules = rules;
    this.#read = mark;
    this.#seen = mark;
    this.#parts = parts;
  }

  get rules(): Rules {
    return this.#rules;
  }

  /** @returns whether other rules are in force since this look @throws RulesUnusable; StoreFault */
  async look(): Promise<boolean> {
    const mark = await this.#parts.readMark();
    const looksTheSame = mark === this.#seen;
    this.#seen = mark;
    if (mark === this.#read || !looksTheSame) return false;
    const rules = await this.#load(mark);
    await this.#parts.prepare(rules);
    this.#read = mark;
    this.#rules = rules;
    return true;
  }

  async #load(mark: string): Promise<Rules> {
    try {
      return await this.#parts.load();
    } catch (error) {
      this.#read = mark;
      throw new RulesUnusable(error instanceof Error ? error.message : 'unknown', { cause: error });
    }
  }
}
