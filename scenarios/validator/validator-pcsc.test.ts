import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { operatorToken } from '@tapgate/gateway/keys/demo-credentials';
import { openKeystore } from '@tapgate/gateway/keys/open-keystore';
import { loadDemoData } from '@tapgate/gateway/operators/demo-reference';
import { TestPcscd } from '@tapgate/validator-firmware/devices/pcscd.fixture';
import { missing } from '../../test-requirements.ts';
import { City } from '../city/city.ts';
import { OperatorDesk } from '../city/operator-desk.ts';
import { KilledGateway } from '../crash/killed-gateway.fixture.ts';

// The whole program through real pcscd and vpcd: it enrols, takes its lists, and a card in the field becomes a tap at the gateway.

const ROOT = path.join(import.meta.dirname, '../..');
const run = promisify(execFile);

test(
  'a gate with a PC/SC reader enrols, takes its lists, and its tap arrives',
  { skip: missing('pcscd'), timeout: 300_000 },
  async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'tapgate-pcsc-gate-'));
    const pcscd = await TestPcscd.start();
    const gateway = await KilledGateway.start(dataDir);
    try {
      const keystore = openKeystore({ dataDir, keystorePassphrase: null })?.keystore;
      assert.ok(keystore);
      const data = loadDemoData();
      const city = new City({
        ...{ data, keystore, nowMs: Date.now(), baseUrl: '', journalsFolder: '', ruleSetVersion: '' },
        random: (count) => Buffer.alloc(count),
      });
      const env = {
        ...process.env,
        ...{ DATA_DIR: dataDir, PORT: new URL(gateway.baseUrl).port, NODE_TEST_CONTEXT: undefined },
        PCSCLITE_CSOCK_NAME: pcscd.socketPath,
      };
      const start = ['--import', 'tsx'];
      const { stdout: code } = await run(
        process.execPath,
        [...start, 'gateway/terminals/terminals-command.ts', 'code'],
        { cwd: ROOT, env },
      );
      const options = ['--json', '--reader', 'pcsc', '--taps', '1', '--enrol', code.trim()];
      const gate = spawn(
        process.execPath,
        [...start, 'scenarios/validator/validator-command.ts', ...options],
        { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'inherit'] },
      );
      const exited = once(gate, 'exit');
      const lines: Readonly<Record<string, unknown>>[] = [];
      for await (const line of createInterface({ input: gate.stdout })) {
        const said = JSON.parse(line) as Readonly<Record<string, unknown>>;
        lines.push(said);
        // The card comes when the gate shows that it may: before that it would be turned away.
        const isReady = said['event'] === 'show' && String(said['show']).startsWith('shut | dark');
        if (isReady && !lines.some(({ event }) => event === 'tap')) {
          const { card } = city.card({ bankId: data.banks[0]?.bankId ?? '', seed: 'pcsc gate' });
          await pcscd.insert(pcscd.readers[0], card);
        }
      }
      assert.deepEqual(await exited, [0, null]);
      const tap = lines.find(({ event }) => event === 'tap');
      assert.deepEqual(
        [tap?.['tapSequence'], tap?.['decision'], tap?.['reader']],
        [1, 'open', pcscd.readers[0]],
      );
      const end = lines.at(-1);
      assert.deepEqual([end?.['event'], end?.['accepted'], end?.['waiting']], ['end', 1, 0]);
      const desk = new OperatorDesk({
        baseUrl: gateway.baseUrl,
        token: operatorToken(keystore),
        nowMs: Date.now,
      });
      const history = await desk.settledTap('TRIAL001', 1);
      assert.equal(history.settlement, 'settled');
    } finally {
      await gateway.stop();
      await pcscd.destroy();
      await rm(dataDir, { recursive: true, force: true });
    }
  },
);
