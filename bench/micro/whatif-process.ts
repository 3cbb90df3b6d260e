import path from 'node:path';
import { loadCalendar } from '@tapgate/gateway/calendar/load-calendar';
import { loadRuleBook } from '@tapgate/gateway/fares/load-rule-sets';
import { replayDays, storedNetwork } from '@tapgate/gateway/jobs/replay-days';
import { whatIfDays } from '@tapgate/gateway/jobs/what-if-days';
import { KeystoreProvider } from '@tapgate/gateway/keys/keystore-provider';
import { openKeystore } from '@tapgate/gateway/keys/open-keystore';
import { openDatabase } from '@tapgate/gateway/store/connection';
import { loadReferenceData } from '@tapgate/gateway/store/reference-data';
import { loadPolicy } from '@tapgate/gateway/whatif/load-policy';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { readdirSync } from 'node:fs';

// One what-if or one replay in a process of its own, so that its time and memory are nobody else's: WHAT DATA_DIR DATE, and DATABASE_URL.

const POLICIES = path.join(import.meta.dirname, '../../gateway/whatif/policies');
const [what = '', dataDir = '', date = ''] = process.argv.slice(2);
const keystore = openKeystore({ dataDir, keystorePassphrase: null });
if (keystore === null) throw new Error('the bench has made its keystore');
const database = await openDatabase(process.env['DATABASE_URL'] ?? '');
const calendar = loadCalendar();
const ruleBook = loadRuleBook(calendar);
const reference = await loadReferenceData(database);
const network = storedNetwork(reference);
const dates = { from: isoDate(date), to: isoDate(date) };
const [policy = ''] = readdirSync(POLICIES).sort();
const quiet = (): void => undefined;

const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
const counted = await (async () => {
  if (what === 'replay') {
    const rules = { ruleBook, calendar, network };
    const totals = await replayDays(database, rules, dates, { onDifference: quiet, onProgress: quiet });
    if (totals.differing > 0) throw new Error('the replay of good rides differs');
    return { rides: totals.journeys, payLess: 0 };
  }
  const { tally } = await whatIfDays(
    {
      ...{ database, keys: new KeystoreProvider(keystore.keystore) },
      rules: {
        ruleBook: loadPolicy([path.join(POLICIES, policy)], ruleBook, calendar).ruleBook,
        calendar,
        network,
      },
      zoneOf: (operatorId) => reference.operators.get(operatorId)?.timeZone ?? 'UTC',
    },
    dates,
    quiet,
  );
  return { rides: tally.rides, payLess: tally.riders.payLess };
})();
const seconds = (performance.now() - startedAt) / 1000;
const { user, system } = process.cpuUsage(cpuBefore);
const cpuSeconds = (user + system) / 1e6;
console.log(
  JSON.stringify({ seconds, cpuSeconds, residentMb: process.resourceUsage().maxRSS / 1024, ...counted }),
);
await database.close();
