import path from 'node:path';
import { TapGateError } from '@tapgate/sdk/error';
import { readSettings, type Settings } from '@tapgate/gateway/settings';
import { DeviceFolderFault, openDeviceFolder } from '@tapgate/validator-firmware/device/device-folder';
import { GateDevice, type GateDeviceListener } from '@tapgate/validator-firmware/device/gate-device';
import { gatePlaceOf } from '@tapgate/validator-firmware/device/gate-place';
import { ConsoleGate } from '@tapgate/validator-firmware/devices/console-gate';
import { DeviceFault } from '@tapgate/validator-firmware/devices/device-fault';
import { HidGate } from '@tapgate/validator-firmware/devices/hid-gate';
import { openPcscReader } from '@tapgate/validator-firmware/devices/pcsc-reader';
import { VirtualReader } from '@tapgate/validator-firmware/devices/virtual-reader';
import { JournalFault } from '@tapgate/validator-firmware/journal/journal-fault';
import { EnrolmentFault } from '@tapgate/validator-firmware/sync/device-identity';
import { runCommand } from '../command-line.ts';
import { describeDeviceFault } from './absent-library.ts';
import { describeEnrolmentFailure, describeNotEnrolled, enrolledDevice } from './enrolled-device.ts';
import { GateLog } from './gate-log.ts';
import { overOnSignal, type Over } from './stop-signal.ts';
import { HELP, readValidatorOrder, type ValidatorOrder } from './validator-order.ts';

// `npm run validator`: one gate, from its reader to the gateway; validator-firmware/device/README.md says how it is made.

const READER = 'virtual reader';
const LAST_FORWARD_MS = 5_000;
const EXIT = { cannotGoOn: 1, libraryAbsent: 3, notEnrolled: 4 } as const;

async function run(order: ValidatorOrder): Promise<number> {
  const settings = readSettings(process.env);
  const baseUrl = order.gateway ?? `http://${settings.host}:${settings.port}`;
  const folder = await openDeviceFolder(
    path.resolve(order.dataDir ?? path.join(settings.dataDir, 'validator')),
  );
  const identity = await enrolledDevice(folder, order, baseUrl).catch((error: unknown) => {
    if (!(error instanceof TapGateError)) throw error;
    return describeEnrolmentFailure(error, baseUrl);
  });
  if (typeof identity === 'string') return fail(identity);
  const log = new GateLog(order.json);
  if (identity === null) {
    log.say('not_enrolled', { gateway: baseUrl }, `\n${describeNotEnrolled(baseUrl, givenSettings())}`);
    return EXIT.notEnrolled;
  }
  const place = gatePlaceOf(identity, Date.now());
  if (place === null)
    return fail(
      `${identity.terminalId} is a till, where an amount is keyed in for each tap: this program is for gates`,
    );

  const over = overOnSignal();
  const counter = new TapCounter(log, order.taps, over);
  const riders = order.reader === 'virtual' ? await ridersOf(order, settings) : null;
  const virtual = new VirtualReader([READER]);
  const device = await GateDevice.start({
    ...{ folder, identity, place, baseUrl, listener: counter.listener },
    openReader: (listener) => (order.reader === 'pcsc' ? openPcscReader(listener) : virtual.open(listener)),
    openHardware: (listener) =>
      order.gate === 'hid'
        ? HidGate.open(order.board, listener)
        : Promise.resolve(
            new ConsoleGate((line) => {
              log.say('show', { show: line }, line);
            }, listener),
          ),
  });
  const { terminalId, lineId, stationId } = identity;
  const { reader, gate, seed } = order;
  log.say(
    'start',
    {
      terminalId,
      lineId,
      stationId,
      reader,
      gate,
      gateway: baseUrl,
      waiting: device.waiting,
      ...(riders === null ? {} : { seed }),
    },
    `${terminalId} on ${[lineId, stationId].filter(Boolean).join(' ')}, reader ${reader}, gate ${gate}, gateway ${baseUrl}; Ctrl-C stops 已启动，Ctrl-C 退出`,
  );
  const coming = riders?.comeTo(virtual, READER, over);
  await over.ended;
  await coming;
  await device.stop(LAST_FORWARD_MS);
  counter.end(device.waiting);
  return counter.isBroken ? EXIT.cannotGoOn : 0;
}

/** Cards of the demonstration bring much of the gateway with them: a gate with a reader of its own needs none of it in memory. */
async function ridersOf(order: ValidatorOrder, settings: Settings) {
  const { demoRiders } = await import('./demo-riders.ts');
  return demoRiders(order, settings);
}

/** What was set for this process, so that a line to type works as it is printed. */
function givenSettings(): string {
  return ['HOST', 'PORT', 'DATA_DIR']
    .filter((name) => process.env[name] !== undefined)
    .map((name) => `${name}=${process.env[name] ?? ''} `)
    .join('');
}

function fail(text: string): number {
  process.stderr.write(`${text}\n`);
  return EXIT.cannotGoOn;
}

/** Follows a gate line by line, and counts. */
class TapCounter {
  readonly #log: GateLog;
  readonly #tapsMax: number;
  readonly #over: Over;
  readonly #counts = { taps: 0, opened: 0, accepted: 0, refused: 0, faults: 0 };
  isBroken = false;

  constructor(log: GateLog, tapsMax: number, over: Over) {
    this.#log = log;
    this.#tapsMax = tapsMax;
    this.#over = over;
  }

  readonly listener: GateDeviceListener = {
    onTap: ({ decision, tapSequence, steps, asked }, signal, reader) => {
      this.#counts.taps++;
      if (decision.decision === 'open') this.#counts.opened++;
      const refusal = decision.decision === 'open' ? null : decision.refusal.code;
      const took = steps.map(({ step, milliseconds }) => `${step} ${milliseconds.toFixed(1)} ms`).join(', ');
      this.#log.say(
        'tap',
        {
          tapSequence,
          signal,
          decision: decision.decision,
          refusal,
          asked: asked?.end ?? null,
          reader,
          steps,
        },
        `${tapSequence ?? '-'} ${signal}${refusal === null ? '' : ` (${refusal})`}; gateway ${asked?.end ?? 'not asked'}; ${took}`,
      );
      if (this.#counts.taps >= this.#tapsMax) this.#over.end();
    },
    onForward: ({ deliveries, stoppedBy }) => {
      const accepted = deliveries.filter(({ kind }) => kind === 'accepted').length;
      const refused = deliveries.filter(({ kind }) => kind === 'refused').length;
      this.#counts.accepted += accepted;
      this.#counts.refused += refused;
      const end = stoppedBy === null ? '' : `, stopped by ${stoppedBy}`;
      this.#log.say(
        'forward',
        { accepted, refused, stoppedBy },
        `${accepted} accepted, ${refused} refused${end}`,
      );
    },
    onUpkeep: ({ synced, reportStoppedBy }) => {
      const { clockSkewMs } = synced;
      const changed = synced.lists.filter(({ from, to }) => from !== to);
      const lists = changed.map(({ kind, to }) => `${kind} ${to ?? '-'}`).join(', ');
      const stoppedBy =
        reportStoppedBy ?? synced.lists.find((list) => list.stoppedBy !== null)?.stoppedBy ?? null;
      const said = [
        lists === '' ? 'no list has changed' : `now ${lists}`,
        clockSkewMs === null ? null : `clock ${clockSkewMs} ms from the gateway's`,
        stoppedBy === null ? null : `stopped by ${stoppedBy}`,
      ];
      this.#log.say(
        'sync',
        { lists: Object.fromEntries(changed.map(({ kind, to }) => [kind, to])), clockSkewMs, stoppedBy },
        said.filter((part) => part !== null).join('; '),
      );
    },
    onService: (service) => {
      this.#log.say('service', { service }, SERVICE_TEXTS[service]);
    },
    onFault: ({ code, atMs, detail }) => {
      this.#counts.faults++;
      this.#log.say('fault', { code, atMs, detail }, `${code}${detail === null ? '' : `: ${detail}`}`);
    },
    onBroken: () => {
      this.isBroken = true;
      this.#over.end();
    },
  };

  end(waiting: number): void {
    const { taps, opened, accepted } = this.#counts;
    this.#log.say(
      'end',
      { ...this.#counts, waiting },
      `${taps} taps, ${opened} opened, ${accepted} accepted by the gateway, ${waiting} waiting in the journal`,
    );
  }
}

const SERVICE_TEXTS = {
  in_service: 'in service 可以刷卡',
  no_ca_keys:
    'out of service: no authority keys yet, they come with the first sync 尚无认证中心公钥，首次同步后开放',
  revoked:
    'out of service: the gateway has revoked this terminal; taps that wait are kept 终端已被注销，未上送交易仍保留',
} as const;

await runCommand('validator', async () => {
  const order = readValidatorOrder();
  if (order === null) {
    process.stdout.write(HELP);
    return 0;
  }
  try {
    return await run(order);
  } catch (error) {
    if (error instanceof DeviceFault) {
      fail(describeDeviceFault(error.code));
      return EXIT.libraryAbsent;
    }
    if (error instanceof JournalFault && error.code === 'journal_not_opened')
      return fail('journal_not_opened: another process holds this device; give each a --data-dir of its own');
    if (error instanceof EnrolmentFault && error.code !== 'identity_not_read')
      return fail(`${error.code}: what answered is not the gateway that gave this code; nothing was kept`);
    if (
      error instanceof JournalFault ||
      error instanceof EnrolmentFault ||
      error instanceof DeviceFolderFault
    )
      return fail(`${error.code}: this device's folder cannot be used as it is`);
    throw error;
  }
});
