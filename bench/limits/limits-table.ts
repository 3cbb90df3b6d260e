import Table from 'cli-table3';
import { isMet, PROFILES, type LimitsFigures, type PathFigures } from './limits-figures.ts';

/** The figures of a run for people. @param colour for a terminal */
export function limitsTable(figures: LimitsFigures, colour: boolean): string {
  const style = colour ? {} : { head: [], border: [] };
  const { postgres } = figures;
  const settings = Object.entries(postgres.settings)
    .filter(([name]) => name !== 'server_version')
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
  const floors = new Table({ head: ['floor', 'per second'], style });
  floors.push(
    ['(a) bare SM2 verification, every core at once', whole(figures.sm2VerifyPerS)],
    ['(b) the same bytes inserted in batches', whole(figures.bareInsertPerS)],
    ['(c) the same JSON parsed and group-committed', whole(figures.parseCommitPerS)],
    ['(d) naive oda', whole(figures.naiveOdaPerS)],
  );
  const paths = new Table({
    style,
    head: [
      'path',
      'accepted/s',
      'settled/s',
      'cold/s',
      'warm/s',
      'verif./tap',
      'p50 ms',
      'p99 ms',
      'us a tap: main',
      'threads',
      'database',
      'generator',
    ],
  });
  for (const profile of PROFILES) paths.push(pathRow(`live ${profile}`, figures.live[profile]));
  for (const profile of PROFILES) paths.push(pathRow(`bulk ${profile}`, figures.bulk[profile]));
  const ratios = new Table({ head: ['ratio', 'measured', 'target', ''], style });
  for (const [name, ratio] of Object.entries(figures.ratios)) {
    const target = `${ratio.atMost === true ? '<=' : '>='} ${ratio.target}`;
    ratios.push([name, ratio.value.toFixed(2), target, isMet(ratio) ? 'met' : 'MISSED']);
  }
  return [
    `${figures.cores} cores, Node ${figures.node}, PostgreSQL ${postgres.version}: ${settings}`,
    `records of ${figures.recordBytes} bytes; cards ${figures.cards.oda} oda, ${figures.cards.offline_purchase} offline_purchase, two taps each; ${whole(figures.seconds)} s`,
    floors.toString(),
    paths.toString(),
    ratios.toString(),
  ].join('\n');
}

function pathRow(name: string, path: PathFigures): string[] {
  const { gatewayMain, gatewayThreads, database, generator } = path.cpuUs;
  return [
    name,
    whole(path.acceptedPerS),
    whole(path.settledPerS),
    whole(path.cold.acceptedPerS),
    whole(path.warm.acceptedPerS),
    path.verificationsPerTap.toFixed(2),
    path.p99Ms === 0 ? '-' : path.p50Ms.toFixed(1),
    path.p99Ms === 0 ? '-' : path.p99Ms.toFixed(1),
    whole(gatewayMain),
    whole(gatewayThreads),
    database === null ? '-' : whole(database),
    whole(generator),
  ];
}

const whole = (value: number): string => value.toFixed(0);
