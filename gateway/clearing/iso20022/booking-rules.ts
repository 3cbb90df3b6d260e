import type { Findings } from '../inspect/inspection.ts';
import { parseDecimal } from './decimal.ts';
import type { Place } from './grammar-check.ts';
import { frozen, Level, type ClosedElement, type MessageRules } from './message-rules.ts';

type Booking = { amount: bigint | null; currency: string; direction: string; status: string };

const noBooking = (): Booking => ({ amount: null, currency: '', direction: '', status: '' });

/**
 * camt.053 and camt.054: the summary of entries (all, credits, debits) against the entries, the number of a batch entry's details
 * against its details, and in a statement the closing balance against the opening balance and the booked entries. A summary over
 * entries in several currencies is no sum. `records` are entries; `sums` is their turnover, whatever the direction.
 */
export class BookingRules implements MessageRules {
  records = 0;
  readonly sums = new Map<string, bigint>();
  readonly #findings: Findings;
  readonly #root: string;
  readonly #report: string;
  readonly #entry: string;
  #all = new Level();
  #credits = new Level();
  #debits = new Level();
  #batch = new Level();
  #booking = noBooking();
  #balance = { ...noBooking(), code: '' };
  #balances: { code: string; amount: bigint; currency: string; place: Place }[] = [];
  #moved = 0n;
  #paged = false;

  constructor(findings: Findings, root: string, report: string) {
    this.#findings = findings;
    this.#root = root;
    this.#report = `${root}/${report}`;
    this.#entry = `${root}/${report}/Ntry`;
  }

  opened(path: string): void {
    switch (path) {
      case this.#report:
        this.#all = new Level();
        this.#credits = new Level();
        this.#debits = new Level();
        this.#balances = [];
        this.#moved = 0n;
        this.#paged = false;
        return;
      case this.#entry:
        this.#booking = noBooking();
        return;
      case `${this.#entry}/NtryDtls`:
        this.#batch = new Level();
        return;
      case `${this.#report}/Bal`:
        this.#balance = { ...noBooking(), code: '' };
        return;
      default:
    }
  }

  closed(element: ClosedElement, place: Place): void {
    const { path, text, attributes } = element;
    if (!path.startsWith(this.#report)) return;
    switch (path.slice(this.#report.length)) {
      case '/TxsSummry/TtlNtries/NbOfNtries':
        this.#all.stateCount(text, place);
        return;
      case '/TxsSummry/TtlNtries/Sum':
        this.#all.stateSum(text, place);
        return;
      case '/TxsSummry/TtlCdtNtries/NbOfNtries':
        this.#credits.stateCount(text, place);
        return;
      case '/TxsSummry/TtlCdtNtries/Sum':
        this.#credits.stateSum(text, place);
        return;
      case '/TxsSummry/TtlDbtNtries/NbOfNtries':
        this.#debits.stateCount(text, place);
        return;
      case '/TxsSummry/TtlDbtNtries/Sum':
        this.#debits.stateSum(text, place);
        return;
      case '/StmtPgntn/LastPgInd':
      case '/StmtPgntn/PgNb':
        // The entries of a statement over several pages are in several files.
        if (text.trim() === 'false' || /^[2-9]|^\d{2}/.test(text.trim())) this.#paged = true;
        return;
      case '/Bal/Tp/CdOrPrtry/Cd':
        this.#balance.code = text;
        return;
      case '/Bal/Amt':
        this.#balance.amount = parseDecimal(text);
        this.#balance.currency = attributes.get('Ccy') ?? '';
        return;
      case '/Bal/CdtDbtInd':
        this.#balance.direction = text;
        return;
      case '/Bal':
        this.#keepBalance(place);
        return;
      case '/Ntry/Amt':
        this.#booking.amount = parseDecimal(text);
        this.#booking.currency = attributes.get('Ccy') ?? '';
        return;
      case '/Ntry/CdtDbtInd':
        this.#booking.direction = text;
        return;
      case '/Ntry/Sts':
      case '/Ntry/Sts/Cd':
        if (text.trim() !== '') this.#booking.status = text;
        return;
      case '/Ntry/NtryDtls/Btch/NbOfTxs':
        this.#batch.stateCount(text, place);
        return;
      case '/Ntry/NtryDtls/TxDtls':
        this.#batch.item(0n, '');
        return;
      case '/Ntry/NtryDtls':
        // A batch may be booked without its details.
        if (this.#batch.count > 0n) this.#batch.judge(this.#findings);
        return;
      case '/Ntry':
        this.#endEntry();
        return;
      case '':
        this.#endReport();
        return;
      default:
    }
  }

  #keepBalance(place: Place): void {
    const { code, amount, currency, direction } = this.#balance;
    if (amount === null) return;
    this.#balances.push({
      code,
      currency,
      amount: direction === 'DBIT' ? -amount : amount,
      place: frozen(place),
    });
  }

  #endEntry(): void {
    const { amount, currency, direction, status } = this.#booking;
    this.records += 1;
    this.#all.item(amount, currency);
    (direction === 'DBIT' ? this.#debits : this.#credits).item(amount, currency);
    if (amount === null || currency === '') return;
    this.sums.set(currency, (this.sums.get(currency) ?? 0n) + amount);
    if (status === 'BOOK') this.#moved += direction === 'DBIT' ? -amount : amount;
  }

  #endReport(): void {
    for (const level of [this.#all, this.#credits, this.#debits]) level.judge(this.#findings);
    if (this.#paged || this.records === 0) return;
    const opening = this.#balances.filter((balance) => balance.code === 'OPBD' || balance.code === 'PRCD');
    const closing = this.#balances.filter((balance) => balance.code === 'CLBD');
    const [from] = opening;
    const [to] = closing;
    if (from === undefined || to === undefined || closing.length > 1 || from.currency !== to.currency) return;
    if (from.amount + this.#moved !== to.amount) this.#findings.add('balance_wrong', to.place);
  }

  get root(): string {
    return this.#root;
  }
}
