import { parseArgs } from 'node:util';
import { isTerminalId } from '@tapgate/sdk/wire/identifiers';
import { TAP_KINDS } from '@tapgate/sdk/wire/rails';
import { operatorToken } from '../keys/demo-credentials.ts';
import { openKeystore } from '../keys/open-keystore.ts';
import { loadDemoData } from '../operators/demo-reference.ts';
import { readSettings } from '../settings.ts';
import { describeStartFault, StartFault } from '../start-fault.ts';

const HELP = `npm run terminals -- COMMAND [options]

  code [TERMINAL]    a one-time code for a terminal, printed as TERMINAL:CODE, good for a day and for one enrolment
                       npm run validator -- --enrol TERMINAL:CODE
                     A terminal that is new needs its place: --line LINE [--station STATION] [--kind entry|exit|single].
                     Without TERMINAL: TRIAL001, on a bus of the demonstration
  revoke TERMINAL    refused from now on; what it recorded before is good
  list               every terminal and how it said it is
  --gateway URL      default: HOST and PORT
  --json             the gateway's own answer
  --help             this text

终端管理：code 取一次性注册码，revoke 注销终端，list 列出各终端状态。

Needs a running gateway. The operator's token is OPERATOR_TOKEN, or read from the keystore in DATA_DIR.
Exit: 0 done, 1 the gateway refused or did not answer, 2 wrong usage or settings.
`;

const TRIAL_TERMINAL = 'TRIAL001';
const TIMEOUT_MS = 10_000;

class UsageFault extends Error {}

type Json = Readonly<Record<string, unknown>>;
type Place = { readonly lineId: string; readonly stationId: string | null; readonly tapKind: string };
type Asked = { readonly text: string; readonly answer: unknown };

type Options = {
  readonly gateway: string | undefined;
  readonly place: Place | null;
};

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args);
  const [command, terminalId, ...rest] = positionals;
  if (values.help || command === undefined) {
    process.stdout.write(HELP);
    return values.help ? 0 : 2;
  }
  if (terminalId !== undefined && !isTerminalId(terminalId))
    throw new UsageFault('a terminal is eight of 0-9 A-Z');
  if (rest.length > 0) throw new UsageFault('one terminal at a time');
  const asked = await ask(command, terminalId ?? null, { gateway: values.gateway, place: placeOf(values) });
  process.stdout.write(values.json ? `${JSON.stringify(asked.answer)}\n` : `${asked.text}\n`);
  return 0;
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        gateway: { type: 'string' },
        line: { type: 'string' },
        station: { type: 'string' },
        kind: { type: 'string', default: 'single' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
  } catch (error) {
    throw new UsageFault(error instanceof Error ? error.message : 'unknown option');
  }
}

function placeOf(values: {
  readonly line?: string | undefined;
  readonly station?: string | undefined;
  readonly kind: string;
}): Place | null {
  const { line, station, kind } = values;
  if (!TAP_KINDS.some((known) => known === kind))
    throw new UsageFault(`--kind takes ${TAP_KINDS.join(', ')}`);
  if (line === undefined && station !== undefined) throw new UsageFault('--station needs --line');
  return line === undefined ? null : { lineId: line, stationId: station ?? null, tapKind: kind };
}

async function ask(command: string, terminalId: string | null, options: Options): Promise<Asked> {
  switch (command) {
    case 'code': {
      const place = terminalId === null ? (options.place ?? trialPlace()) : options.place;
      const answer = await send(options, 'POST', '/v1/terminals', {
        terminalId: terminalId ?? TRIAL_TERMINAL,
        ...(place === null ? {} : { place }),
      });
      return { text: `${textOf(answer['terminalId'])}:${textOf(answer['code'])}`, answer };
    }
    case 'revoke': {
      if (terminalId === null) throw new UsageFault('which terminal?');
      const answer = await send(options, 'POST', '/v1/terminal-revocations', { terminalId });
      return { text: `${terminalId} is revoked 已注销`, answer };
    }
    case 'list': {
      const answer = await send(options, 'GET', '/v1/terminals', null);
      return { text: tableOf(answer['terminals'] as readonly Json[]), answer };
    }
    default:
      throw new UsageFault(`there is no command ${command}`);
  }
}

/** A bus whose riders' fares are found later: any card is taken there, and no station is needed. */
function trialPlace(): Place {
  const line = loadDemoData()
    .operators.flatMap(({ lines }) => lines)
    .find(({ rail, stations, terminals }) => rail === 'oda' && stations.length === 0 && terminals.length > 0);
  const tapKind = line?.terminals[0]?.tapKind;
  if (line === undefined || tapKind === undefined)
    throw new UsageFault('the demonstration has no bus for a trial: name TERMINAL and --line');
  return { lineId: line.lineId, stationId: null, tapKind };
}

async function send(
  options: Options,
  method: 'GET' | 'POST',
  route: string,
  body: Json | null,
): Promise<Json> {
  const settings = readSettings(process.env);
  const token = process.env['OPERATOR_TOKEN'] ?? tokenFrom(settings);
  const baseUrl = options.gateway ?? `http://${settings.host}:${settings.port}`;
  let response: Response;
  try {
    response = await fetch(`${baseUrl}${route}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === null ? null : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new GatewayFault(`gateway_unreachable: no gateway answers at ${baseUrl}; npm start starts one`);
  }
  const answer = (await response.json().catch(() => ({}))) as Json;
  if (response.ok) return answer;
  const { code, field, message } = (answer['error'] ?? {}) as Json;
  const at = field === undefined ? '' : ` at ${textOf(field)}`;
  throw new GatewayFault(
    `${textOf(code ?? 'answer_not_understood')}${at}: ${textOf(message ?? 'no gateway')}`,
  );
}

class GatewayFault extends Error {}

function tokenFrom(settings: ReturnType<typeof readSettings>): string {
  const opened = openKeystore(settings);
  if (opened === null)
    throw new StartFault(
      'keystore_missing',
      `there is no keystore in ${settings.dataDir}: the first npm start makes it; or set OPERATOR_TOKEN`,
    );
  return operatorToken(opened.keystore);
}

const COLUMNS: readonly (readonly [string, (row: Json) => unknown])[] = [
  ['terminal', (row) => row['terminalId']],
  ['line', (row) => row['lineId']],
  ['station', (row) => row['stationId']],
  ['kind', (row) => row['tapKind']],
  ['enrolled', (row) => row['enrolledAt']],
  ['revoked', (row) => row['revokedAt']],
  ['last seen', (row) => row['lastSeenAt']],
  ['waiting', (row) => row['queueDepth']],
  ['clock, ms', (row) => row['clockSkewMs']],
  ['faults', (row) => row['faultsOfDay']],
  ['asked, in time, alone', askedOf],
  ['stale lists', (row) => (row['staleLists'] as readonly string[]).join(' ')],
];

function askedOf(row: Json): string | null {
  const asking = row['asking'] as Json | null;
  return asking === null ? null : ['asked', 'inTime', 'alone'].map((name) => textOf(asking[name])).join(' ');
}

function tableOf(terminals: readonly Json[]): string {
  const rows = [
    COLUMNS.map(([name]) => name),
    ...terminals.map((row) => COLUMNS.map(([, of]) => textOf(of(row)))),
  ];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const textOf = (value: unknown): string =>
  typeof value === 'string' ? value.replace(/\.\d+Z$/, 'Z') : typeof value === 'number' ? String(value) : '-';

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  const isUsage = error instanceof UsageFault;
  const isKnown = isUsage || error instanceof GatewayFault;
  process.stderr.write(`${isKnown ? error.message : describeStartFault(error)}\n`);
  process.exitCode = isUsage ? 2 : error instanceof StartFault ? error.exitCode : 1;
}
