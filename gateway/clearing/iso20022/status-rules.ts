import type { Findings } from '../inspect/inspection.ts';
import type { Place } from './grammar-check.ts';
import { frozen, type ClosedElement, type MessageRules } from './message-rules.ts';

const ROOT = 'CstmrPmtStsRpt';

type Counts = { stated: { value: number; place: Place } | null; perStatus: number; lists: boolean };

const noCounts = (): Counts => ({ stated: null, perStatus: 0, lists: false });

/**
 * pain.002: where a level says both how many items there were and how many have each status, the two agree. Items that are
 * not listed are not thereby accepted, so their absence is no error.
 */
export class StatusRules implements MessageRules {
  records = 0;
  readonly sums = new Map<string, bigint>();
  readonly #findings: Findings;
  readonly #group = noCounts();
  #payment = noCounts();

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  opened(path: string): void {
    if (path === `${ROOT}/OrgnlPmtInfAndSts`) this.#payment = noCounts();
  }

  closed({ path, text }: ClosedElement, place: Place): void {
    switch (path) {
      case `${ROOT}/OrgnlGrpInfAndSts/OrgnlNbOfTxs`:
        this.#group.stated = { value: Number(text), place: frozen(place) };
        return;
      case `${ROOT}/OrgnlPmtInfAndSts/OrgnlNbOfTxs`:
        this.#payment.stated = { value: Number(text), place: frozen(place) };
        return;
      case `${ROOT}/OrgnlGrpInfAndSts/NbOfTxsPerSts/DtldNbOfTxs`:
        this.#group.perStatus += Number(text);
        this.#group.lists = true;
        return;
      case `${ROOT}/OrgnlPmtInfAndSts/NbOfTxsPerSts/DtldNbOfTxs`:
        this.#payment.perStatus += Number(text);
        this.#payment.lists = true;
        return;
      case `${ROOT}/OrgnlGrpInfAndSts`:
        this.#judge(this.#group);
        return;
      case `${ROOT}/OrgnlPmtInfAndSts/TxInfAndSts`:
        this.records += 1;
        return;
      case `${ROOT}/OrgnlPmtInfAndSts`:
        this.#judge(this.#payment);
        return;
      default:
    }
  }

  #judge(counts: Counts): void {
    if (counts.stated === null || !counts.lists) return;
    if (counts.stated.value !== counts.perStatus) this.#findings.add('count_wrong', counts.stated.place);
  }
}
