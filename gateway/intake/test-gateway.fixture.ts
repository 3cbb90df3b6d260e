import { sm3 } from '@tapgate/sdk/gm/sm3';
import { createApp, type GatewayApp } from '../app.ts';
import type { DayTypeCalendar } from '../calendar/day-types.ts';
import { loadClearingProfiles } from '../clearing/load-clearing-profiles.ts';
import { loadCalendar } from '../calendar/load-calendar.ts';
import { loadRuleBook } from '../fares/load-rule-sets.ts';
import type { RuleBook } from '../fares/rule-book.ts';
import { operatorToken } from '../keys/demo-credentials.ts';
import { createDemoKeystore } from '../keys/demo-keystore.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { KeystoreProvider } from '../keys/keystore-provider.ts';
import type { Keystore } from '../keys/keystore.ts';
import { accountsFor } from '../ledger/chart-of-accounts.ts';
import { keyOwnersOf, loadDemoData, referenceRowsOf, type DemoData } from '../operators/demo-reference.ts';
import { openDatabase, type Database, type DatabaseSettings } from '../store/connection.ts';
import { openAccounts } from '../store/ledger-postings.ts';
import { migrateDatabase } from '../store/migrate.ts';
import { replaceOperatorToken } from '../store/operator-tokens.ts';
import { ensurePartitions } from '../store/partitions.ts';
import { loadReferenceData, writeReferenceData, type ReferenceData } from '../store/reference-data.ts';

/** A migrated database with the demonstration's data in it, and everything a gateway over it needs. */
export type TestWorld = {
  readonly database: Database;
  readonly demo: DemoData;
  readonly keystore: Keystore;
  readonly keys: KeyProvider;
  readonly reference: ReferenceData;
  readonly ruleBook: RuleBook;
  readonly calendar: DayTypeCalendar;
  readonly operatorToken: string;
};

/** The finance bureau's account among them: the funders of the rule sets, each once. */
const FUNDERS = ['finance-bureau'];

export async function openTestWorld(
  url: string,
  options: { readonly nowMs: number; readonly database?: DatabaseSettings } = { nowMs: 0 },
): Promise<TestWorld> {
  await migrateDatabase(url);
  const database = await openDatabase(url, options.database);
  await ensurePartitions(database, options.nowMs);
  const demo = loadDemoData();
  const keystore = createDemoKeystore(keyOwnersOf(demo), {
    createdAt: '2026-01-01',
    seed: Buffer.from('test gateway'),
  });
  await writeReferenceData(database, referenceRowsOf(demo, keystore));
  const parties = {
    bankIds: demo.banks.map((bank) => bank.bankId),
    operatorIds: demo.operators.map((operator) => operator.operatorId),
    funders: FUNDERS,
  };
  await openAccounts(database.hot, accountsFor(parties));
  const token = operatorToken(keystore);
  const tokenSm3 = sm3(new TextEncoder().encode(token));
  await replaceOperatorToken(database, { tokenSm3, label: 'test', createdAt: new Date(options.nowMs) });
  const calendar = loadCalendar();
  return {
    database,
    demo,
    keystore,
    keys: new KeystoreProvider(keystore),
    reference: await loadReferenceData(database),
    ruleBook: loadRuleBook(calendar),
    calendar,
    operatorToken: token,
  };
}

/** One gateway process' worth of parts over the world; faults are kept for the test to look at. */
export function openTestApp(
  world: TestWorld,
  options: { readonly clock: () => number; readonly demo?: boolean; readonly issuerHosted?: boolean },
): GatewayApp & { readonly faults: unknown[] } {
  const faults: unknown[] = [];
  const gateway = createApp({
    profiles: loadClearingProfiles(),
    ...world,
    ruleBook: () => world.ruleBook,
    ...options,
    demo: options.demo ?? false,
    sm2Threads: 1,
    onFault: (fault) => {
      faults.push(fault);
    },
  });
  return { ...gateway, faults };
}
