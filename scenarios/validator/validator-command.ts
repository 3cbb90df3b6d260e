import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as nap } from 'node:timers/promises';
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
import { runCommand, UsageFault } from '../command-line.ts';
import { seededRandom } from '../seeded-random.ts';
import { placesOf } from '../tap/places.ts';
import { GateLog } from './gate-log.ts';
import { overOnSignal, type Over } from './stop-signal.ts';
import { HELP, readValidatorOrder, type ValidatorOrder } from './validator-order.ts';
import { virtualRiders, walkThrough } from './virtual-riders.ts';

// `npm run validator`: the program of one gate of the demonstration, from its reader to the gateway.

const READER = 'virtual reader';
const LAST_FORWARD_MS = 5_000;
const EXIT_LIBRARY_ABSENT = 3;

/** The demonstration as this gate's device: its place and keys from the keystore that the gateway made. */
function openCity(
  order: ValidatorOrder,
  settings: Settings,
): { readonly city: City; readonly data: DemoData } {
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

async function run(order: ValidatorOrder): Promise<void> {
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

async function runGate(order: ValidatorOrder, gate: Gate): Promise<void> {
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

/** A stream of riders, or one for each line from the keyboard. */
async function letRidersCome(
  order: ValidatorOrder,
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
  const order = readValidatorOrder();
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
