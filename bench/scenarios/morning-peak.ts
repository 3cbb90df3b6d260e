import { check } from 'k6';
import { SharedArray } from 'k6/data';
import exec from 'k6/execution';
import http from 'k6/http';
import { Counter } from 'k6/metrics';

// Morning peak: live taps at a constant rate, each a distinct record that a terminal really made and signed. Prepared by
// `npm run bench -- morning-peak`, which starts a gateway of its own and hands the file over in RECORDS.
//
// The rate is the scenario's, not the gateway's: k6 opens new iterations on time whether or not answers come, as riders do.

type PreparedTap = { readonly record: string; readonly terminalId: string };
type Prepared = { readonly tokens: Record<string, string>; readonly taps: PreparedTap[] };

const RECORDS = __ENV['RECORDS'] ?? '';
const BASE_URL = __ENV['BASE_URL'] ?? '';
const RATE_PER_S = Number(__ENV['RATE_PER_S'] ?? '200');
const DURATION_S = Number(__ENV['DURATION_S'] ?? '10');

const taps = new SharedArray<PreparedTap>('taps', () => (JSON.parse(open(RECORDS)) as Prepared).taps);
const tokens = new SharedArray<Record<string, string>>('tokens', () => [
  (JSON.parse(open(RECORDS)) as Prepared).tokens,
]);

const accepted = new Counter('taps_accepted');

export const options = {
  scenarios: {
    morning_peak: {
      executor: 'constant-arrival-rate',
      rate: RATE_PER_S,
      timeUnit: '1s',
      duration: `${DURATION_S}s`,
      preAllocatedVUs: 50,
      maxVUs: 400,
    },
  },
  thresholds: {
    // A gate waits a third of a second at the most before it decides alone.
    'http_req_duration{expected_response:true}': ['p(99)<300'],
    http_req_failed: ['rate<0.001'],
    checks: ['rate>0.999'],
    dropped_iterations: ['count==0'],
  },
  summaryTrendStats: ['min', 'med', 'avg', 'p(95)', 'p(99)', 'max'],
};

export default function tapOnce(): void {
  const tap = taps[exec.scenario.iterationInTest];
  if (tap === undefined) throw new Error('more iterations than prepared records');
  const token = tokens[0]?.[tap.terminalId] ?? '';
  const response = http.post(`${BASE_URL}/v1/taps`, JSON.stringify({ record: tap.record }), {
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` },
  });
  const good = check(response, {
    'answered 200': (r) => r.status === 200,
    'chargeable, first time': (r) => {
      const answer = r.json() as { outcome?: string; duplicate?: boolean };
      return answer.outcome === 'chargeable' && answer.duplicate === false;
    },
  });
  if (good) accepted.add(1);
}
