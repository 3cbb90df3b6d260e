import { fen, ZERO_FEN } from '@tapgate/sdk/wire/money';
import type { SupportedApplication, TerminalProfile } from './terminal-profile.ts';

/** CNY 1,000: the usual DF21 of POS parameter sets, and the usual cap of an electronic cash (pboc-contactless.md 7). */
const LIMIT_FEN = fen(100_000);

function application(aid: string): SupportedApplication {
  return {
    aid,
    partialSelection: true,
    offlineFloorFen: LIMIT_FEN,
    transactionLimitFen: LIMIT_FEN,
    cvmLimitFen: LIMIT_FEN,
  };
}

/** UnionPay applications in a gate's own order: pure electronic cash, debit, quasi-credit, credit (pboc-contactless.md 1.3). */
const APPLICATIONS = ['A000000333010106', 'A000000333010101', 'A000000333010103', 'A000000333010102'].map(
  application,
);

/**
 * Country and currency 0156, purchase; and what only clearing asks for: no contact and no CVM (9F33, 9F34), application version
 * 0030 (9F09), contactless chip (9F39). The terminal type is set by each profile.
 */
const TERMINAL_OBJECTS = {
  '9F1A': '0156',
  '5F2A': '0156',
  '9C': '00',
  '9F33': '0008C8',
  '9F34': '3F0000',
  '9F09': '0030',
  '9F39': '07',
} as const;

/**
 * Transit ODA: probe amount 000000000000 with "online cryptogram required", qPBOC, offline data authentication for online
 * transactions, fDDA 01. Any TC or ARQC with a valid dynamic signature opens (design.md "Rails"; pboc-contactless.md 6.2).
 */
export const ODA_PROFILE: TerminalProfile = {
  name: 'oda-zero-amount',
  rail: 'oda',
  applications: APPLICATIONS,
  withoutDirectory: 'refuse',
  amount: { kind: 'probe', amountFen: ZERO_FEN },
  onlineCryptogram: 'always',
  statusCheck: false,
  onlineAuthorisation: 'deferred',
  ttq: '21000080',
  smSupported: true,
  acceptsWithoutLastRecord: false,
  cardVerification: 'waived',
  terminalObjects: { ...TERMINAL_OBJECTS, '9F35': '25' },
};

/** The other probe that a scheme may want [unsure]: CNY 1.00 under status check. */
export const ODA_STATUS_CHECK_PROFILE: TerminalProfile = {
  ...ODA_PROFILE,
  name: 'oda-status-check',
  amount: { kind: 'probe', amountFen: fen(100) },
  onlineCryptogram: 'by_limits',
  statusCheck: true,
};

/** Electronic cash pays 9F02 in GPO: an offline-only terminal with qPBOC and fDDA 01. */
export const OFFLINE_PURCHASE_PROFILE: TerminalProfile = {
  name: 'offline-purchase',
  rail: 'offline_purchase',
  applications: APPLICATIONS,
  withoutDirectory: 'refuse',
  amount: { kind: 'fare' },
  onlineCryptogram: 'by_limits',
  statusCheck: false,
  onlineAuthorisation: 'none',
  ttq: '28000080',
  smSupported: true,
  acceptsWithoutLastRecord: false,
  cardVerification: 'honoured',
  terminalObjects: { ...TERMINAL_OBJECTS, '9F35': '26' },
};
