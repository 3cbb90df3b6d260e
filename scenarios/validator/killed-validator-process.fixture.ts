import { writeSync } from 'node:fs';
import { setTimeout as nap } from 'node:timers/promises';
import { ClassicLevel } from 'classic-level';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { openDeviceFolder } from '@tapgate/validator-firmware/device/device-folder';
import { GateDevice } from '@tapgate/validator-firmware/device/gate-device';
import { gatePlaceOf } from '@tapgate/validator-firmware/device/gate-place';
import { ConsoleGate } from '@tapgate/validator-firmware/devices/console-gate';
import { VirtualReader } from '@tapgate/validator-firmware/devices/virtual-reader';
import type { JournalStore } from '@tapgate/validator-firmware/journal/tap-journal';
import { loadIdentity } from '@tapgate/validator-firmware/sync/device-identity';
import { personaliseCard } from '@tapgate/validator-firmware/virtual-cards/personalise-card';
import { VirtualCard } from '@tapgate/validator-firmware/virtual-cards/virtual-card';
import type { KillOrder } from './killed-validator.fixture.ts';

// One life of a gate that ends where its order says: the program's own device, with a journal's store and a way to the gateway that
// kill the process, by SIGKILL and from within, so that the step is the one that is named.

const order = JSON.parse(process.env['KILL_ORDER'] ?? '') as KillOrder;
const say = (event: object): void => {
  writeSync(1, `${JSON.stringify(event)}\n`);
};

let reached = 0;
let isInTunnel = order.isTunnel;
function die(step: KillOrder['step']): void {
  if (step !== order.step || ++reached < order.occurrence) return;
  say({ event: 'killed', step });
  process.kill(process.pid, 'SIGKILL');
}

/** Writes with puts of taps are synced; what forgets is not. */
function mortalStore(directory: string): JournalStore {
  const store: JournalStore = new ClassicLevel(directory, { keyEncoding: 'view', valueEncoding: 'view' });
  const write = store.batch.bind(store) as (
    operations: unknown[],
    options: { sync: boolean },
  ) => Promise<void>;
  const mortal = async (operations: unknown[], options: { sync: boolean }): Promise<void> => {
    if (options.sync) die('before a tap is written');
    const written = write(operations, options);
    die(options.sync ? 'while a tap is written' : 'while taps are forgotten');
    await written;
    if (options.sync) die('after a tap is written, before the barrier opens');
  };
  Object.defineProperty(store, 'batch', { value: mortal });
  return store;
}

async function mortalFetch(...[input, init]: Parameters<typeof fetch>): Promise<Response> {
  const url = input instanceof Request ? input.url : String(input);
  const isBulk = url.endsWith('/v1/tap-batches');
  if (!isBulk && !url.endsWith('/v1/taps')) return fetch(input, init);
  if (isInTunnel) throw new TypeError('a tunnel');
  if (isBulk && order.step === 'half way through a bulk upload' && typeof init?.body === 'string') {
    const body = Buffer.from(init.body);
    const halves = new ReadableStream<Uint8Array>({
      async start(controller) {
        controller.enqueue(body.subarray(0, Math.floor(body.length / 2)));
        await nap(order.waitMs);
        die('half way through a bulk upload');
        controller.enqueue(body.subarray(Math.floor(body.length / 2)));
        controller.close();
      },
    });
    return fetch(input, { ...init, body: halves, duplex: 'half' });
  }
  const asked = fetch(input, init);
  asked.catch(() => undefined);
  if (order.step === (isBulk ? 'while a bulk upload is under way' : 'while a live tap is under way')) {
    await nap(order.waitMs);
    die(order.step);
  }
  const answer = await asked;
  const text = await answer.text();
  die(isBulk ? 'after a bulk answer, before it is noted' : 'after a live answer, before it is noted');
  return new Response(text, { status: answer.status, headers: answer.headers });
}

const folder = await openDeviceFolder(order.directory);
const identity = await loadIdentity(folder.identityFile, folder.storageKey);
const place = identity === null ? null : gatePlaceOf(identity, Date.now());
if (identity === null || place === null) throw new RangeError('the device was enrolled as a gate');
const reader = new VirtualReader(['reader']);
const issuer = {
  ...order.issuer,
  issuerCertificate: Buffer.from(order.issuer.issuerCertificate, 'hex'),
  privateKey: Buffer.from(order.issuer.privateKey, 'hex'),
  publicKeyXy: Buffer.from(order.issuer.publicKeyXy, 'hex'),
  imkAc: Buffer.from(order.issuer.imkAc, 'hex'),
  imkMac: Buffer.from(order.issuer.imkMac, 'hex'),
};
let tapped: (() => void) | null = null;
const device = await GateDevice.start({
  ...{ folder, identity, place, baseUrl: order.baseUrl, fetch: mortalFetch, journalStoreAt: mortalStore },
  openReader: (listener) => reader.open(listener),
  openHardware: (listener) =>
    Promise.resolve(
      new ConsoleGate((show) => {
        say({ event: 'show', show });
      }, listener),
    ),
  listener: {
    onTap: ({ tapSequence, decision }) => {
      say({ event: 'tap', tapSequence, decision: decision.decision });
      tapped?.();
    },
    onForward: ({ deliveries, stoppedBy }) => {
      say({
        event: 'forward',
        stoppedBy,
        accepted: deliveries.filter(({ kind }) => kind === 'accepted').length,
      });
    },
    onUpkeep: ({ reportStoppedBy }) => {
      say({ event: 'sync', stoppedBy: reportStoppedBy });
    },
    onService: (service) => {
      say({ event: 'service', service });
    },
    onFault: ({ code, detail }) => {
      say({ event: 'fault', code, detail });
    },
    onBroken: () => {
      say({ event: 'broken' });
    },
  },
});
while (device.service !== 'in_service') await nap(10);
for (const { seed, pan } of order.cards) {
  const personalisation = personaliseCard({
    ...{ seed, pan, psn: '01', expiry: isoDate('2039-12-31'), balanceFen: fen(50_000), issuer },
  });
  const done = new Promise<void>((resolve) => (tapped = resolve));
  reader.insert('reader', new VirtualCard(personalisation));
  await done;
  reader.remove('reader');
}
isInTunnel = false;
while (device.waiting > 0) await nap(10);
await device.stop(0);
say({ event: 'end', waiting: device.waiting });
