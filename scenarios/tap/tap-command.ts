import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { isIsoDate, isoDate, type IsoDate } from '@tapgate/sdk/wire/identifiers';
import { fen, formatYuan } from '@tapgate/sdk/wire/money';
import { loadCalendar } from '@tapgate/gateway/calendar/load-calendar';
import { readSettings } from '@tapgate/gateway/settings';
import { attachGateway } from '../city/attach-gateway.ts';
import { City } from '../city/city.ts';
import { coveredWorkingDay } from '../city/covered-working-day.ts';
import { OperatorDesk } from '../city/operator-desk.ts';
import { parsedOrUsage, runCommand, UsageFault } from '../command-line.ts';
import { placesOf } from './places.ts';
import { TAP_SCENARIOS, type TapScenario } from './tap-scenarios.ts';
import { TapWalk, type WalkEnd, type WalkStep } from './tap-walk.ts';

// `npm run tap -- <scenario>`: one tap down the whole line, every step of it printed.

const HELP = `Usage: npm run tap -- <scenario>... [options]

Sends a tap down the whole line (card, terminal, gateway, books, clearing) and prints each step. Uses the gateway that runs at
HOST and PORT, or starts one of its own.

Scenarios:
${TAP_SCENARIOS.map(({ name, standsFor }) => `  ${name.padEnd(20)} ${standsFor}`).join('\n')}

Options:
  --all           every scenario, one line each
  --date DATE     the calendar date of the taps, YYYY-MM-DD (default: the last statutory working day up to today that the
                  calendar covers)
  --seed TEXT     which cards are used; a seed that was used on the same gateway is refused as a copy (default: random)
  --json          one JSON object a line for each scenario
  -h, --help      this text

Environment: HOST, PORT, DATA_DIR, KEYSTORE_PASSPHRASE as for npm start.
Exit code: 0 when every scenario ended as it stands for, 1 when one did not, 2 for a command that makes no sense.
`;

type Order = {
  readonly scenarios: readonly TapScenario[];
  readonly date: IsoDate;
  readonly seed: string;
  readonly json: boolean;
  readonly brief: boolean;
};

function readOrder(): Order | null {
  const { values, positionals } = parseArguments();
  if (values.help === true) return null;
  if (values.all === true && positionals.length > 0)
    throw new UsageFault('--all runs every scenario: name none');
  if (values.all !== true && positionals.length === 0) throw new UsageFault('name a scenario, or --all');
  const scenarios = values.all === true ? TAP_SCENARIOS : positionals.map(findScenario);
  if (values.date !== undefined && !isIsoDate(values.date))
    throw new UsageFault('--date takes an existing date, YYYY-MM-DD');
  return {
    scenarios,
    date: values.date === undefined ? coveredWorkingDay(loadCalendar(), Date.now()) : isoDate(values.date),
    seed: values.seed ?? randomBytes(8).toString('hex'),
    json: values.json === true,
    brief: values.all === true,
  };
}

function parseArguments() {
  return parsedOrUsage(() =>
    parseArgs({
      allowPositionals: true,
      options: {
        all: { type: 'boolean' },
        date: { type: 'string' },
        seed: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }),
  );
}

function findScenario(name: string): TapScenario {
  const scenario = TAP_SCENARIOS.find((known) => known.name === name);
  if (scenario === undefined) throw new UsageFault(`there is no scenario ${name}`);
  return scenario;
}

type Report = WalkEnd & {
  readonly scenario: string;
  readonly ok: boolean;
  readonly steps: readonly WalkStep[];
};

async function run(order: Order): Promise<boolean> {
  const attached = await attachGateway(readSettings(process.env));
  const { data, keystore, journalsFolder, baseUrl } = attached;
  const city = new City({
    ...{ baseUrl, data, keystore, journalsFolder },
    nowMs: Date.parse(`${order.date}T00:00:00+08:00`),
    random: (byteCount) => randomBytes(byteCount),
    ruleSetVersion: 'demo',
  });
  try {
    if (!order.json)
      process.stderr.write(`${attached.description}; taps of ${order.date}; cards from seed ${order.seed}\n`);
    const desk = new OperatorDesk({ baseUrl, token: attached.operatorToken, nowMs: () => city.now.nowMs });
    const places = placesOf(data);
    let allOk = true;
    for (const [index, scenario] of order.scenarios.entries()) {
      city.now.nowMs = Date.parse(`${order.date}T${scenario.at}:00+08:00`);
      const bank = data.banks[index % data.banks.length];
      if (bank === undefined) throw new RangeError('the demonstration has banks');
      const walk = new TapWalk(city, desk);
      const end = await scenario.run(walk, places, (faults) =>
        city.card({
          bankId: bank.bankId,
          seed: `${order.seed}/${scenario.name}`,
          ...(faults === undefined ? {} : { faults }),
        }),
      );
      const ok = sameEnd(end, scenario.expected);
      allOk &&= ok;
      print(order, scenario, { scenario: scenario.name, ok, ...end, steps: walk.steps });
    }
    return allOk;
  } finally {
    await city.close();
    await attached.detach();
  }
}

function sameEnd(a: WalkEnd, b: WalkEnd): boolean {
  return (
    a.outcome === b.outcome && a.step === b.step && a.listFareFen === b.listFareFen && a.fareFen === b.fareFen
  );
}

function print(order: Order, scenario: TapScenario, report: Report): void {
  if (order.json) {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return;
  }
  if (!order.brief) {
    process.stdout.write(`\n${scenario.name}: ${scenario.standsFor}\n`);
    for (const { step, input, output, milliseconds } of report.steps) {
      const took = milliseconds === null ? '' : `${milliseconds.toFixed(2)} ms`;
      process.stdout.write(`  ${step.padEnd(8)}${took.padStart(11)}  ${input}\n`);
      for (const line of output.split('\n')) process.stdout.write(`${' '.repeat(19)}   -> ${line}\n`);
    }
  }
  const fare =
    report.fareFen === null ? 'no fare' : `list ${yuan(report.listFareFen)}, fare ${yuan(report.fareFen)}`;
  const end = `${report.outcome} by ${report.step}, ${fare}`;
  const { expected } = scenario;
  const wanted = report.ok
    ? ''
    : `; expected ${expected.outcome} by ${expected.step}, list ${yuan(expected.listFareFen)}, fare ${yuan(expected.fareFen)}`;
  process.stdout.write(`${report.ok ? 'ok    ' : 'NOT OK'} ${scenario.name.padEnd(20)} ${end}${wanted}\n`);
}

const yuan = (amount: number | null): string => (amount === null ? 'none' : formatYuan(fen(amount)));

await runCommand('tap', async () => {
  const order = readOrder();
  if (order !== null) return (await run(order)) ? 0 : 1;
  process.stdout.write(HELP);
  return 0;
});
