import { createHash, randomBytes } from 'node:crypto';
import type postgres from 'postgres';
import { encodeTlv } from '@tapgate/sdk/emv/tlv-encoding';
import { sm2PublicKeyOf, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { hmacSm3, sm3 } from '@tapgate/sdk/gm/sm3';
import { encodeTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';
import { panToken, tapSequence, terminalId, isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import type { Rail, TapKind } from '@tapgate/sdk/wire/rails';
import type { KeyProvider } from '../keys/key-provider.ts';
import { accountsFor } from '../ledger/chart-of-accounts.ts';
import { postAdjustment } from '../ledger/post-adjustment.ts';
import { postFare } from '../ledger/post-fare.ts';
import { insertPostings, openAccounts } from './ledger-postings.ts';
import { sealRecord } from './sealed-record.ts';

/**
 * A settled day made of nothing but values, written straight into the tables as settling leaves them, for tests of closing: cards,
 * cryptograms and times follow from numbers, so an expectation can be computed without the code that is tested.
 */
export type FixtureTap = {
  readonly terminal: string;
  readonly sequence: number;
  readonly atMs: number;
  readonly kind: TapKind;
  readonly atc: number;
  /** 9F02 */
  readonly amountFen: number;
  /** 9F27 */
  readonly cid?: string;
  /** left out of the record */
  readonly lacks?: string;
};

export type FixtureJourney = {
  /** number of the card: PAN 62999900000 + eight digits */
  readonly card: number;
  readonly bankId: string;
  readonly serviceDate: string;
  readonly lineId: string;
  readonly rail: Rail;
  readonly fareFen: number;
  readonly outcome?: 'chargeable' | 'debt' | 'loss';
  readonly claim?: { readonly listFareFen: number; readonly claimedFen: number };
  readonly taps: readonly FixtureTap[];
};

export const OPERATOR = 'OP1';
export const FUNDER = 'BUREAU';
export const LINES = {
  BUS: { merchantId: '898330241310001', nameZh: '示例公交二路', mcc: '4131' },
  METRO: { merchantId: '898330241110001', nameZh: '示例轨道一号线', mcc: '4111' },
  // 39 bytes in GB18030 and one more character of two: it must be cut before that character.
  CLINIC: {
    merchantId: '898330280620001',
    nameZh: '示例社区卫生服务中心门诊部收费处A号窗口一二三',
    mcc: '8062',
  },
} as const;
export const BANKS = [
  { bankId: 'BANK1', cnaps: '102100099996', unionpayId: '01020000' },
  { bankId: 'BANK2', cnaps: '105100000017', unionpayId: '01050000' },
  { bankId: 'BANK3', cnaps: '104100000004', unionpayId: null },
] as const;

const SIGNING_KEY = createHash('sha256').update('manifest key of the fixture').digest();
export const MANIFEST_PUBLIC_KEY = sm2PublicKeyOf(SIGNING_KEY);
const TOKEN_KEY = Buffer.from('token key of the fixture');
export const DATA_KEY = Buffer.from('0123456789ABCDEFFEDCBA9876543210', 'hex');

export const panOf = (card: number): string => `62999900000${String(card).padStart(8, '0')}`;
export const tokenOf = (card: number): Buffer =>
  Buffer.from(hmacSm3(TOKEN_KEY, Buffer.from(panOf(card))).subarray(0, 16));

/** What closing asks of keys; anything else it has no business with, and would throw. */
export const FIXTURE_KEYS: KeyProvider = {
  ...refusing(),
  panToken: (pan) =>
    panToken(
      Buffer.from(hmacSm3(TOKEN_KEY, Buffer.from(pan)).subarray(0, 16))
        .toString('hex')
        .toUpperCase(),
    ),
  signManifest: (manifest) =>
    sm2Sign({ privateKey: SIGNING_KEY, publicKeyXy: MANIFEST_PUBLIC_KEY, message: manifest }),
  manifestPublicKey: () => MANIFEST_PUBLIC_KEY,
  // Not secret, but bound to its context as the real one is.
  seal: (plain, context) => Buffer.concat([sm3(Buffer.from(context)), plain]),
  open: (sealed, context) => {
    if (!Buffer.from(sealed.subarray(0, 32)).equals(sm3(Buffer.from(context))))
      throw new Error('sealed for another context');
    return sealed.subarray(32);
  },
  claimSalt: () => sm3(Buffer.from('claim salt of the fixture')),
};

function refusing(): KeyProvider {
  const no = (): never => {
    throw new Error('closing asked for a key that is none of its business');
  };
  return {
    panToken: no,
    terminalMacKey: no,
    issuerMasterKey: no,
    wrapDataKey: no,
    unwrapDataKey: no,
    seal: no,
    open: no,
    signManifest: no,
    manifestPublicKey: no,
    signList: no,
    listSigningKey: no,
    listSigningLinks: no,
    listKey: no,
    sessionTokenKey: no,
    claimSalt: no,
  };
}

export const dataKeyOf = (): Promise<Uint8Array> => Promise.resolve(DATA_KEY);

const bytesOf = (hexText: string): Buffer => Buffer.from(hexText, 'hex');
export const cryptogramOf = (card: number, atc: number): string =>
  createHash('sha256').update(`ac ${card} ${atc}`).digest('hex').slice(0, 16).toUpperCase();
export const numberOf = (card: number, atc: number): string =>
  createHash('sha256').update(`un ${card} ${atc}`).digest('hex').slice(0, 8).toUpperCase();
export const IAD = '07010103A00000040A010000000000' + '12345678';

export function tapRecordOf(journey: FixtureJourney, tap: FixtureTap): TapRecord {
  const pan = `${panOf(journey.card)}F`;
  const object = (tag: string, value: string): Buffer =>
    tag === tap.lacks ? Buffer.alloc(0) : Buffer.from(encodeTlv(tag, bytesOf(value)));
  const date = new Date(tap.atMs + 8 * 3_600_000).toISOString().slice(2, 10).replaceAll('-', '');
  const terminalData = Buffer.concat([
    object('5F2A', '0156'),
    object('95', '0000000000'),
    object('9A', date),
    object('9C', '00'),
    object('9F02', String(tap.amountFen).padStart(12, '0')),
    object('9F03', '000000000000'),
    object('9F09', '0030'),
    object('9F1A', '0156'),
    object('9F1E', Buffer.from(tap.terminal).toString('hex')),
    object('9F33', 'E0F0C8'),
    object('9F34', '1F0002'),
    object('9F35', '26'),
    object('9F37', numberOf(journey.card, tap.atc)),
    object('9F41', String(tap.sequence % 100_000_000).padStart(8, '0')),
    object('9F66', '26000080'),
  ]);
  const gpoResponse = encodeTlv(
    '77',
    Buffer.concat([
      object('82', '7C00'),
      object('94', '08010100'),
      object('9F10', IAD),
      object('9F26', cryptogramOf(journey.card, tap.atc)),
      object('9F27', tap.cid ?? (journey.rail === 'oda' ? '80' : '40')),
      object('9F36', tap.atc.toString(16).padStart(4, '0')),
    ]),
  );
  const record = encodeTlv(
    '70',
    Buffer.concat([object('5A', pan), object('5F24', '301231'), object('5F34', '01')]),
  );
  return {
    terminalId: terminalId(tap.terminal),
    tapSequence: tapSequence(tap.sequence),
    tappedAtMs: tap.atMs,
    rail: journey.rail,
    tapKind: tap.kind,
    lineId: journey.lineId,
    stationId: tap.kind === 'single' ? null : `ST${tap.kind === 'entry' ? 1 : 2}`,
    ruleSetVersion: 'fixture-1',
    hotlistVersion: 1,
    gateDecision: 'open',
    gateRefusal: null,
    dfName: bytesOf('A000000333010101'),
    terminalData,
    gpoResponse,
    cardRecords: [{ sfi: 1, recordNumber: 1, body: record }],
  };
}

/** Operator, lines, banks, accounts. */
export async function writeParties(sql: postgres.Sql): Promise<void> {
  await sql`insert into operator values (${OPERATOR}, '示例', 'Example', 'example', 'Asia/Shanghai', '03:00')`;
  for (const [lineId, line] of Object.entries(LINES)) {
    await sql`insert into line ${sql({
      line_id: lineId,
      operator_id: OPERATOR,
      name_zh: line.nameZh,
      name_en: lineId,
      mode: 'bus',
      network_id: 'N1',
      rail: lineId === 'METRO' ? 'oda' : 'offline_purchase',
      merchant_id: line.merchantId,
      merchant_name_zh: line.nameZh,
      mcc: line.mcc,
    })}`;
  }
  for (const bank of BANKS) {
    await sql`insert into bank ${sql({
      bank_id: bank.bankId,
      name_zh: '示例银行',
      cnaps_code: bank.cnaps,
      unionpay_id: bank.unionpayId,
      profile: sql.json({}),
    })}`;
  }
  await openAccounts(
    sql,
    accountsFor({ bankIds: BANKS.map((b) => b.bankId), operatorIds: [OPERATOR], funders: [FUNDER] }),
  );
}

/** Taps, identities, journeys and postings as settling leaves them, in the order given. */
export async function writeSettled(sql: postgres.Sql, journeys: readonly FixtureJourney[]): Promise<void> {
  for (const journey of journeys) {
    const token = tokenOf(journey.card);
    for (const tap of journey.taps) {
      const record = Buffer.from(encodeTapRecord(tapRecordOf(journey, tap), () => randomBytes(32)));
      const { iv, sealed } = sealRecord(DATA_KEY, record);
      const common = {
        terminal_id: tap.terminal,
        tap_sequence: tap.sequence,
        record_sm3: Buffer.from(sm3(record)),
        outcome: 'chargeable',
        pan_token: token,
        service_date: journey.serviceDate,
      };
      await sql`insert into tap_identity ${sql(common)}`;
      await sql`insert into tap ${sql({
        ...common,
        psn: 1,
        atc: tap.atc,
        tapped_at: new Date(tap.atMs),
        received_at: new Date(tap.atMs),
        operator_id: OPERATOR,
        line_id: journey.lineId,
        rail: journey.rail,
        tap_kind: tap.kind,
        amount_fen: tap.amountFen,
        gate_decision: 'open',
        rule_set_version: 'fixture-1',
        hotlist_version: 1,
        bank_id: journey.bankId,
        atc_below_highest: 0,
        record_iv: Buffer.from(iv),
        record_sealed: Buffer.from(sealed),
      })}`;
    }
    await writeJourney(sql, journey, token);
  }
}

async function writeJourney(sql: postgres.Sql, journey: FixtureJourney, token: Buffer): Promise<void> {
  const first = journey.taps[0];
  const last = journey.taps.at(-1);
  if (first === undefined || last === undefined) throw new Error('a journey of the fixture has a tap');
  const journeyId = journeyIdOf(first);
  const listFareFen = journey.claim?.listFareFen ?? journey.fareFen;
  await sql`insert into journey ${sql({
    service_date: journey.serviceDate,
    pan_token: token,
    journey_id: Buffer.from(journeyId),
    psn: 1,
    bank_id: journey.bankId,
    operator_id: OPERATOR,
    line_id: journey.lineId,
    mode: 'bus',
    rail: journey.rail,
    completeness: journey.taps.length === 1 ? 'single' : 'complete',
    entry_terminal_id: first.terminal,
    entry_tap_sequence: first.sequence,
    exit_terminal_id: journey.taps.length === 1 ? null : last.terminal,
    exit_tap_sequence: journey.taps.length === 1 ? null : last.sequence,
    started_at: new Date(first.atMs),
    ended_at: new Date(last.atMs),
    outcome: journey.outcome ?? 'chargeable',
    list_fare_fen: listFareFen,
    fare_fen: journey.fareFen,
    rule_set_id: 'fixture',
    rule_set_version: 'fixture-1',
    concession_rule_id: journey.claim === undefined ? null : 'senior',
    rider_category: journey.claim === undefined ? null : 'senior',
    funder: journey.claim === undefined ? null : FUNDER,
    shortfall_fen: journey.claim === undefined ? null : listFareFen - journey.fareFen,
    claimed_fen: journey.claim?.claimedFen ?? null,
    trace: sql.json([]),
  })}`;
  const postings = postFare({
    journeyId,
    serviceDate: isoDate(journey.serviceDate),
    rail: journey.rail,
    outcome: journey.outcome ?? 'chargeable',
    bankId: journey.bankId,
    operators: [{ operatorId: OPERATOR, weight: 1 }],
    fareFen: fen(journey.fareFen),
    subsidy:
      journey.claim === undefined ? null : { funder: FUNDER, claimedFen: fen(journey.claim.claimedFen) },
  });
  await insertPostings(sql, postings);
}

/** A change of a settled journey, as settling leaves it behind a late ride. */
export type FixtureAdjustment = {
  readonly of: FixtureJourney;
  readonly cause: FixtureJourney;
  readonly chargedFen: number;
  readonly fareFen: number;
  readonly claims?: readonly [beforeFen: number, afterFen: number];
};

/** Rows and postings of adjustments, in the order given. A journey is adjusted once for each cause. */
export async function writeAdjusted(
  sql: postgres.Sql,
  adjustments: readonly FixtureAdjustment[],
): Promise<void> {
  for (const { of, cause, chargedFen, fareFen, claims } of adjustments) {
    const [ride, late] = [of.taps[0], cause.taps[0]];
    if (ride === undefined || late === undefined) throw new Error('a journey of the fixture has a tap');
    const [journeyId, causeJourneyId] = [journeyIdOf(ride), journeyIdOf(late)];
    const adjustmentId = sm3(Buffer.from('fixture'), journeyId, causeJourneyId).slice(0, 16);
    const outcome = of.outcome === 'debt' ? 'debt' : 'chargeable';
    const claim = (
      claimedFen: number | undefined,
    ): { funder: string; claimedFen: ReturnType<typeof fen> } | null =>
      claimedFen === undefined || claimedFen === 0 ? null : { funder: FUNDER, claimedFen: fen(claimedFen) };
    const [before, after] = [claim(claims?.[0]), claim(claims?.[1])];
    await sql`insert into fare_adjustment ${sql({
      adjustment_id: Buffer.from(adjustmentId),
      service_date: of.serviceDate,
      pan_token: tokenOf(of.card),
      journey_id: journeyId,
      cause_journey_id: causeJourneyId,
      bank_id: outcome === 'debt' ? null : of.bankId,
      rail: of.rail,
      charged_fen: chargedFen,
      fare_fen: fareFen,
      concession_rule_id: after === null ? null : 'senior',
      charged_funder: before?.funder ?? null,
      charged_claimed_fen: before?.claimedFen ?? null,
      funder: after?.funder ?? null,
      claimed_fen: after?.claimedFen ?? null,
      trace: sql.json([]),
    })}`;
    const postings = postAdjustment({
      ...{ adjustmentId, outcome, operatorId: OPERATOR, purse: 'bank' },
      ...{ chargedFen: fen(chargedFen), fareFen: fen(fareFen), claimedBefore: before, claimedAfter: after },
      serviceDate: isoDate(cause.serviceDate),
    });
    await insertPostings(sql, postings);
  }
}

export const journeyIdOf = (tap: FixtureTap): Buffer =>
  createHash('sha256').update(`journey ${tap.terminal} ${tap.sequence}`).digest().subarray(0, 16);

export const CLEARING_DATE: IsoDate = isoDate('2026-11-20');
