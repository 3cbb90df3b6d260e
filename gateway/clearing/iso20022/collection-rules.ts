import type { ExpectedParty, Findings } from '../inspect/inspection.ts';
import { parseDecimal } from './decimal.ts';
import type { Place } from './grammar-check.ts';
import { Level, type ClosedElement, type MessageRules } from './message-rules.ts';

const ROOT = 'CstmrDrctDbtInitn';
const DEBIT = `${ROOT}/PmtInf/DrctDbtTxInf`;
/** What a sender writes where it has no identification to give; it names nothing, so it may repeat. */
const NOT_PROVIDED = 'NOTPROVIDED';

/**
 * pain.008: counts and sums of group and instruction, EndToEndId unique in the file, no zero amount, no collection before the
 * message was made (the calendar date that the sender wrote). Under a profile: the debtor's bank, and a banking day.
 */
export class CollectionRules implements MessageRules {
  records = 0;
  readonly sums = new Map<string, bigint>();
  readonly #findings: Findings;
  readonly #expected: ExpectedParty | null;
  readonly #group = new Level();
  #instruction = new Level();
  readonly #endToEndIds = new Set<string>();
  #createdOn = '';
  #amount: bigint | null = null;
  #currency = '';

  constructor(findings: Findings, expected: ExpectedParty | null) {
    this.#findings = findings;
    this.#expected = expected;
  }

  opened(path: string): void {
    if (path === `${ROOT}/PmtInf`) this.#instruction = new Level();
  }

  closed({ path, text, attributes }: ClosedElement, place: Place): void {
    switch (path) {
      case `${ROOT}/GrpHdr/CreDtTm`:
        this.#createdOn = text.trim().slice(0, 10);
        return;
      case `${ROOT}/GrpHdr/NbOfTxs`:
        this.#group.stateCount(text, place);
        return;
      case `${ROOT}/GrpHdr/CtrlSum`:
        this.#group.stateSum(text, place);
        return;
      case `${ROOT}/PmtInf/NbOfTxs`:
        this.#instruction.stateCount(text, place);
        return;
      case `${ROOT}/PmtInf/CtrlSum`:
        this.#instruction.stateSum(text, place);
        return;
      case `${ROOT}/PmtInf/ReqdColltnDt`:
        this.#judgeDate(text.trim().slice(0, 10), place);
        return;
      case `${DEBIT}/PmtId/EndToEndId`:
        this.#judgeIdentification(text, place);
        return;
      case `${DEBIT}/InstdAmt`:
        this.#amount = parseDecimal(text);
        this.#currency = attributes.get('Ccy') ?? '';
        if (this.#amount === 0n) this.#findings.add('amount_zero', place);
        return;
      case `${DEBIT}/DbtrAgt/FinInstnId/ClrSysMmbId/MmbId`:
        if (typeof this.#expected?.cnapsCode === 'string' && text !== this.#expected.cnapsCode) {
          this.#findings.add('bank_not_of_profile', place);
        }
        return;
      case `${DEBIT}/DbtrAgt/FinInstnId/BICFI`:
      case `${DEBIT}/DbtrAgt/FinInstnId/BIC`:
        // The three characters behind the first eight name a branch.
        if (typeof this.#expected?.bic === 'string' && text.slice(0, 8) !== this.#expected.bic.slice(0, 8)) {
          this.#findings.add('bank_not_of_profile', place);
        }
        return;
      case DEBIT:
        this.#endItem();
        return;
      case `${ROOT}/PmtInf`:
        this.#instruction.judge(this.#findings);
        return;
      case ROOT:
        this.#group.judge(this.#findings);
        return;
      default:
    }
  }

  #judgeDate(collectOn: string, place: Place): void {
    if (this.#createdOn !== '' && collectOn < this.#createdOn) {
      this.#findings.add('collection_before_creation', place);
    }
    if (this.#expected?.isBankingDay(collectOn) === false) this.#findings.add('not_a_banking_day', place);
  }

  #judgeIdentification(text: string, place: Place): void {
    if (text === NOT_PROVIDED) return;
    if (this.#endToEndIds.has(text)) this.#findings.add('end_to_end_id_repeated', place);
    this.#endToEndIds.add(text);
  }

  #endItem(): void {
    this.records += 1;
    this.#group.item(this.#amount, this.#currency);
    this.#instruction.item(this.#amount, this.#currency);
    if (this.#amount !== null && this.#currency !== '') {
      this.sums.set(this.#currency, (this.sums.get(this.#currency) ?? 0n) + this.#amount);
    }
    this.#amount = null;
    this.#currency = '';
  }
}
