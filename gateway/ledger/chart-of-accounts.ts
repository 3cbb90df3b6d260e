/**
 * The chart of accounts, after clearing.md section 5, with 1115 for what was charged and is in no batch yet.
 *
 * An account is written `code` or `code:party`; the party is a bank, an operator or a funder. Money of a purse other than the
 * card's bank account stands in accounts of its own, `code:party#medical`: the database refuses a transfer between purses.
 */
export type AccountCode = (typeof CHART)[number]['code'];

/** Whose money the card spends: its bank account, its medical account, its transport purse. None may fund another. */
export const PURSES = ['bank', 'medical', 'transit'] as const;
export type Purse = (typeof PURSES)[number];

/** What the part after the colon names; 'none' where there is one account for all. */
export type PartyKind = 'none' | 'bank' | 'operator' | 'funder';

type ChartRow = {
  readonly code: string;
  readonly party: PartyKind;
  /** the side on which the balance normally stands */
  readonly normalSide: 'debit' | 'credit';
  readonly nameEn: string;
  readonly nameZh: string;
};

export const CHART = [
  {
    code: '1010',
    party: 'none',
    normalSide: 'debit',
    nameEn: 'Settlement account at our bank',
    nameZh: '结算账户存款',
  },
  { code: '1110', party: 'bank', normalSide: 'debit', nameEn: 'Clearing receivable', nameZh: '应收清算款' },
  {
    code: '1111',
    party: 'none',
    normalSide: 'debit',
    nameEn: 'Clearing receivable, interchange network',
    nameZh: '应收转接清算款',
  },
  {
    code: '1112',
    party: 'none',
    normalSide: 'debit',
    nameEn: 'Clearing receivable, national transport purse',
    nameZh: '应收交通联合清算款',
  },
  {
    code: '1115',
    party: 'bank',
    normalSide: 'debit',
    nameEn: 'Charged, in no batch yet',
    nameZh: '已计费未出账',
  },
  {
    code: '1120',
    party: 'none',
    normalSide: 'debit',
    nameEn: 'Passenger debt receivable',
    nameZh: '应收乘客欠款',
  },
  {
    code: '1130',
    party: 'funder',
    normalSide: 'debit',
    nameEn: 'Subsidy receivable',
    nameZh: '应收财政补贴',
  },
  { code: '1190', party: 'bank', normalSide: 'debit', nameEn: 'Suspense, debit side', nameZh: '挂账(借方)' },
  {
    code: '2010',
    party: 'operator',
    normalSide: 'credit',
    nameEn: 'Operator payable',
    nameZh: '应付运营商款',
  },
  {
    code: '2020',
    party: 'none',
    normalSide: 'credit',
    nameEn: 'Refunds payable to passengers',
    nameZh: '应付乘客退款',
  },
  {
    code: '2030',
    party: 'none',
    normalSide: 'credit',
    nameEn: 'Fares not yet apportioned',
    nameZh: '待分摊票款',
  },
  {
    code: '2190',
    party: 'none',
    normalSide: 'credit',
    nameEn: 'Suspense, credit side: money without a tap',
    nameZh: '挂账(贷方)',
  },
  { code: '4010', party: 'none', normalSide: 'credit', nameEn: 'Service income', nameZh: '服务收入' },
  {
    code: '5010',
    party: 'bank',
    normalSide: 'debit',
    nameEn: 'Merchant discount expense',
    nameZh: '手续费支出',
  },
  {
    code: '5020',
    party: 'operator',
    normalSide: 'debit',
    nameEn: 'Loss on taps that do not prove',
    nameZh: '首乘风险损失',
  },
  { code: '5030', party: 'none', normalSide: 'debit', nameEn: 'Bad debt', nameZh: '坏账损失' },
  { code: '5090', party: 'none', normalSide: 'debit', nameEn: 'Rounding difference', nameZh: '尾差' },
] as const satisfies readonly ChartRow[];

export type Account = {
  readonly accountId: string;
  readonly code: AccountCode;
  readonly party: string | null;
  readonly nameEn: string;
  readonly nameZh: string;
  readonly normalSide: 'debit' | 'credit';
  readonly purse: Purse;
};

/** The written name of an account. */
export function accountId(code: AccountCode, party: string | null, purse: Purse): string {
  const named = party === null ? code : `${code}:${party}`;
  return purse === 'bank' ? named : `${named}#${purse}`;
}

/**
 * Every account that these parties need, one set per purse. Opening them again changes nothing, so a start opens all.
 */
export function accountsFor(parties: {
  readonly bankIds: readonly string[];
  readonly operatorIds: readonly string[];
  readonly funders: readonly string[];
}): Account[] {
  const partiesOf: Record<PartyKind, readonly (string | null)[]> = {
    none: [null],
    bank: parties.bankIds,
    operator: parties.operatorIds,
    funder: parties.funders,
  };
  return PURSES.flatMap((purse) =>
    CHART.flatMap((row) =>
      partiesOf[row.party].map((party) => ({
        accountId: accountId(row.code, party, purse),
        code: row.code,
        party,
        nameEn: row.nameEn,
        nameZh: row.nameZh,
        normalSide: row.normalSide,
        purse,
      })),
    ),
  );
}
