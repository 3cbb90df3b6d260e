import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as nap } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { isTerminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { openKeystore } from '@tapgate/gateway/keys/open-keystore';
import { loadDemoData, type DemoData } from '@tapgate/gateway/operators/demo-reference';
import { readSettings, type Settings } from '@tapgate/gateway/settings';
import { StartFault } from '@tapgate/gateway/start-fault';
import { ConsoleGate } from '@tapgate/validator-firmware/devices/console-gate';
import { DeviceFault } from '@tapgate/validator-firmware/devices/device-fault';
import { HidGate } from '@tapgate/validator-firmware/devices/hid-gate';
import { openPcscReader } from '@tapgate/validator-firmware/devices/pcsc-reader';
import { VirtualReader } from '@tapgate/validator-firmware/devices/virtual-reader';
import { ForwardingLoop } from '@tapgate/validator-firmware/forward/forwarding-loop';
import { bulkUplink, liveUplink } from '@tapgate/validator-firmware/forward/tap-uplink';
import { hotlistOfKeys } from '@tapgate/validator-firmware/gate/hotlist-snapshot';
import { GateProgram } from '@tapgate/validator-firmware/gate-program';
import { loadRiderSignals } from '@tapgate/validator-firmware/rider/load-rider-signals';
import { City, type CityCard } from '../city/city.ts';
import type { CityTerminal } from '../city/city-terminal.ts';
import { countArgument, parsedOrUsage, runCommand, UsageFault } from '../command-line.ts';
import { seededRandom } from '../seeded-random.ts';
import { placesOf } from '../tap/places.ts';
import { virtualRiders, walkThrough } from './virtual-riders.ts';

// `npm run validator`: the program of one gate of the demonstration, from its reader to the gateway.

const HELP = `Usage: npm run validator -- [options]

The program of one gate: reader, kernel, decision, journal, barrier and display, and forwarding to the gateway whenever it can be
reached. It decides alone when it cannot; what it owes lies encrypted in its journal.

Options:
  --reader KIND     virtual (cards in this process; Enter holds one into the field, q stops) or pcsc (the machine's readers, through pcscd);
                    default virtual
  --gate KIND       console (a line for each signal) or hid (a board on USB); default console
  --board VID:PID   which board, hexadecimal; default 1209:0001
  --gateway URL     default: HOST and PORT
  --terminal ID     which terminal of the demonstration this is; default: a bus with concessions
  --data-dir DIR    where its journal lies; default: journals in DATA_DIR. A terminal's journal is never begun anew: its sequence
                    goes on
  --simulate        a stream of virtual riders: most tap once, some come back, some pull too early
  --between MS      mean time between them (default 1500)
  --taps N          stop after so many taps
  --seed TEXT       which riders come; a seed that was used on the same gateway is refused as copies (default: random)
  --json            one JSON object a line
  -h, --help        this text

Environment: HOST, PORT, DATA_DIR, KEYSTORE_PASSPHRASE as for npm start, which makes the keystore that this reads.
Exit code: 0 after Ctrl-C, SIGTERM or --taps; 2 for a command that makes no sense; 3 when a device's library is not installed.
`;

const READER = 'virtual reader';
const DEFAULT_BETWEEN_MS = 1_500;
const LAST_FORWARD_MS = 5_000;
const EXIT_LIBRARY_ABSENT = 3;
/** A keypress may reach us twice, from the terminal and from npm. */
const SAME_KEYPRESS_MS = 1_000;

type Order = {
  readonly reader: 'virtual' | 'pcsc';
  readonly gate: 'console' | 'hid';
  readonly board: { readonly vendorId: number; readonly productId: number };
  readonly gateway: string | null;
  readonly terminalId: TerminalId | null;
  readonly dataDir: string | null;
  readonly simulate: boolean;
  readonly betweenMs: number;
  readonly taps: number;
  readonly seed: string;
  readonly json: boolean;
};

function readOrder(): Order | null {
  const { values } = parsedOrUsage(() =>
    parseArgs({
      options: {
        reader: { type: 'string', default: 'virtual' },
        gate: { type: 'string', default: 'console' },
        board: { type: 'string', default: '1209:0001' },
        gateway: { type: 'string' },
        terminal: { type: 'string' },
        'data-dir': { type: 'string' },
        simulate: { type: 'boolean', default: false },
        between: { type: 'string' },
        taps: { type: 'string' },
        seed: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
  if (values.help) return null;
  const { reader, gate, simulate, json, between, taps, terminal } = values;
  if (reader !== 'virtual' && reader !== 'pcsc') throw new UsageFault('--reader takes virtual or pcsc');
  if (gate !== 'console' && gate !== 'hid') throw new UsageFault('--gate takes console or hid');
  if (simulate && reader !== 'virtual') throw new UsageFault('--simulate needs --reader virtual');
  const board = /^([0-9a-f]{4}):([0-9a-f]{4})$/i.exec(values.board);
  if (board === null) throw new UsageFault('--board takes VID:PID, four hexadecimal digits each');
  if (terminal !== undefined && !isTerminalId(terminal))
    throw new UsageFault('--terminal takes eight of 0-9 A-Z');
  if (values.gateway !== undefined && !/^https?:\/\/\S+$/.test(values.gateway))
    throw new UsageFault('--gateway takes an http URL');
  return {
    ...{ reader, gate, simulate, json },
    board: { vendorId: Number.parseInt(board[1] ?? '', 16), productId: Number.parseInt(board[2] ?? '', 16) },
    gateway: values.gateway ?? null,
    terminalId: terminal ?? null,
    dataDir: values['data-dir'] ?? null,
    betweenMs:
      between === undefined
        ? DEFAULT_BETWEEN_MS
        : countArgument('--between', between, { least: 0, most: 3_600_000 }),
    taps: taps === undefined ? Infinity : countArgument('--taps', taps, { least: 1, most: 1_000_000_000 }),
    seed: values.seed ?? randomBytes(8).toString('hex'),
  };
}

/** The demonstration as this gate's device: its place and keys from the keystore that the gateway made. */
function openCity(order: Order, settings: Settings): { readonly city: City; readonly data: DemoData } {
  const keystore = openKeystore(settings)?.keystore;
  if (keystore === undefined)
    throw new StartFault(
      'keystore_missing',
      `there is no keystore in ${settings.dataDir}: start the gateway once (npm start), or set DATA_DIR to its folder`,
    );
  const data = loadDemoData();
  const city = new City({
    baseUrl: order.gateway ?? `http://${settings.host}:${settings.port}`,
    ...{ data, keystore, nowMs: Date.now(), ruleSetVersion: 'demo' },
    journalsFolder:
      order.dataDir === null ? path.join(settings.dataDir, 'journals') : path.resolve(order.dataDir),
    random: (byteCount) => randomBytes(byteCount),
    now: (listKey) => ({
      get nowMs() {
        return Date.now();
      },
      get hotlist() {
        return hotlistOfKeys({ version: 0, publishedAtMs: Date.now(), listKey }, []);
      },
    }),
  });
  return { city, data };
}

/** Which city's fare rules hold at a terminal: its region, for the texts. */
function regionOf(data: DemoData, terminalId: string): string {
  const operator = data.operators.find(({ lines }) =>
    lines.some(({ terminals }) => terminals.some((terminal) => terminal.terminalId === terminalId)),
  );
  if (operator === undefined) throw new UsageFault(`there is no terminal ${terminalId}`);
  return operator.jurisdiction;
}

/** What happens at the gate, as lines for people or JSON for programs. */
class GateLog {
  readonly #json: boolean;

  constructor(json: boolean) {
    this.#json = json;
  }

  say(event: string, fields: Readonly<Record<string, unknown>>, text: string): void {
    process.stdout.write(
      this.#json ? `${JSON.stringify({ event, ...fields })}\n` : `${event.padEnd(8)} ${text}\n`,
    );
  }
}

async function run(order: Order): Promise<void> {
  const settings = readSettings(process.env);
  const { city, data } = openCity(order, settings);
  const terminalId = order.terminalId ?? placesOf(data).concessionBus;
  const signals = loadRiderSignals(regionOf(data, terminalId));
  const terminal = await city.terminal(terminalId);
  try {
    await runGate(order, { city, terminal, signals, data, log: new GateLog(order.json) });
  } finally {
    await city.close();
  }
}

type Gate = {
  readonly city: City;
  readonly terminal: CityTerminal;
  readonly signals: ReturnType<typeof loadRiderSignals>;
  readonly data: DemoData;
  readonly log: GateLog;
};

async function runGate(order: Order, gate: Gate): Promise<void> {
  const { terminal, signals, log } = gate;
  const { journal, client } = terminal;
  const virtual = new VirtualReader([READER]);
  const over = overOnSignal();
  const counts = { taps: 0, opened: 0, accepted: 0, refused: 0, faults: 0 };

  const forwarding = new ForwardingLoop({
    journal,
    ...{ live: liveUplink(client), bulk: bulkUplink(client) },
    onReport: ({ deliveries, stoppedBy }) => {
      const accepted = deliveries.filter(({ kind }) => kind === 'accepted').length;
      const refused = deliveries.filter(({ kind }) => kind === 'refused').length;
      counts.accepted += accepted;
      counts.refused += refused;
      const waiting = journal.unacknowledgedCount();
      const end = stoppedBy === null ? '' : `, stopped by ${stoppedBy}`;
      log.say(
        'forward',
        { accepted, refused, waiting, stoppedBy },
        `${accepted} accepted, ${refused} refused, ${waiting} waiting${end}`,
      );
    },
    onFault: (error) => {
      log.say('fault', { code: 'forward_failed' }, error instanceof Error ? error.name : 'forward_failed');
    },
  });
  const program = await GateProgram.start({
    ...{ validator: terminal.validator, signals, clock: Date.now },
    openReader: (listener) => (order.reader === 'pcsc' ? openPcscReader(listener) : virtual.open(listener)),
    openHardware: (listener) =>
      order.gate === 'hid'
        ? HidGate.open(order.board, listener)
        : Promise.resolve(
            new ConsoleGate((line) => {
              log.say('show', { show: line }, line);
            }, listener),
          ),
    // Concessions are known here once the gate holds the list; until then everybody who may pass is told so in one way.
    passengerOf: () => signals.passengerOf(null),
    onTap: ({ decision, tapSequence, steps }, signal, reader) => {
      counts.taps++;
      if (decision.decision === 'open') counts.opened++;
      const refusal = decision.decision === 'open' ? null : decision.refusal.code;
      const took = steps.map(({ step, milliseconds }) => `${step} ${milliseconds.toFixed(1)} ms`).join(', ');
      log.say(
        'tap',
        {
          terminalId: terminal.terminalId,
          tapSequence,
          signal,
          decision: decision.decision,
          refusal,
          reader,
          steps,
        },
        `${terminal.terminalId}/${tapSequence ?? '-'} ${signal}${refusal === null ? '' : ` (${refusal})`}; ${took}`,
      );
      forwarding.notice();
      if (counts.taps >= order.taps) over.end();
    },
    onFault: (fault) => {
      counts.faults++;
      log.say('fault', fault, `${fault.code}${fault.detail === null ? '' : ` at ${fault.detail}`}`);
    },
  }).catch(async (error: unknown) => {
    await forwarding.stop();
    throw error;
  });
  log.say(
    'start',
    { terminalId: terminal.terminalId, reader: order.reader, gate: order.gate, seed: order.seed },
    `${terminal.terminalId}, reader ${order.reader}, gate ${order.gate}, riders from seed ${order.seed}; Ctrl-C stops`,
  );
  const riders = order.reader === 'virtual' ? letRidersCome(order, gate, virtual, over) : Promise.resolve();
  await over.ended;
  await riders;
  await program.stop();
  // A few seconds to bring home what was tapped last; the rest is in the journal.
  await untilEmpty(journal, LAST_FORWARD_MS);
  await forwarding.stop();
  const waiting = journal.unacknowledgedCount();
  log.say(
    'end',
    { ...counts, waiting },
    `${counts.taps} taps, ${counts.opened} opened, ${counts.accepted} accepted by the gateway, ${waiting} waiting in the journal`,
  );
}

async function untilEmpty(journal: CityTerminal['journal'], patienceMs: number): Promise<void> {
  const deadline = performance.now() + patienceMs;
  while (journal.unacknowledgedCount() > 0 && performance.now() < deadline) await nap(20);
}

type Over = {
  readonly ended: Promise<void>;
  readonly signal: AbortSignal;
  readonly isOver: () => boolean;
  readonly end: () => void;
};

/** Over with the first signal, or when told so. A second signal that is meant ends the process at once. */
function overOnSignal(): Over {
  const abort = new AbortController();
  const ended = new Promise<void>((resolve) => {
    abort.signal.addEventListener('abort', () => {
      resolve();
    });
  });
  let endedAt = 0;
  const isOver = (): boolean => abort.signal.aborted;
  const end = (): void => {
    if (!isOver()) endedAt = performance.now();
    abort.abort();
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isOver() && performance.now() - endedAt > SAME_KEYPRESS_MS) process.exit(1);
      end();
    });
  }
  return { ended, signal: abort.signal, isOver, end };
}

/** A stream of riders, or one for each line from the keyboard. */
async function letRidersCome(
  order: Order,
  { city, data }: Gate,
  reader: VirtualReader,
  over: Over,
): Promise<void> {
  const newCard = (number: number, faults: CityCard['card']['faults']): CityCard => {
    const bank = data.banks[number % data.banks.length];
    if (bank === undefined) throw new RangeError('the demonstration has banks');
    return city.card({ bankId: bank.bankId, seed: `${order.seed}/${number}`, faults });
  };
  const napping = (ms: number): Promise<void> =>
    nap(ms, undefined, { signal: over.signal }).catch(() => undefined);
  const gate = { isOver: over.isOver, sleep: napping };
  const random = seededRandom(order.seed);
  if (order.simulate) {
    await walkThrough(virtualRiders({ random, newCard, betweenMs: order.betweenMs }), reader, READER, gate);
    return;
  }
  const keyboard = createInterface({ input: process.stdin });
  void over.ended.then(() => {
    keyboard.close();
  });
  let number = 0;
  for await (const line of keyboard) {
    if (line === 'q') over.end();
    await walkThrough([{ card: newCard(++number, {}), holdMs: 300, pauseMs: 0 }], reader, READER, gate);
    if (over.isOver()) return;
  }
}

await runCommand('validator', async () => {
  const order = readOrder();
  if (order === null) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    await run(order);
    return 0;
  } catch (error) {
    if (!(error instanceof DeviceFault)) throw error;
    process.stderr.write(
      `${error.code}: the package of that device is not installed here (npm install builds it where its system library is)\n`,
    );
    return EXIT_LIBRARY_ABSENT;
  }
});
