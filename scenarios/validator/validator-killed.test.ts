import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { readEnrolmentCode } from '@tapgate/sdk/terminals/enrolment';
import { terminalId } from '@tapgate/sdk/wire/identifiers';
import { issuerPersonalisation, operatorToken } from '@tapgate/gateway/keys/demo-credentials';
import { openKeystore } from '@tapgate/gateway/keys/open-keystore';
import { loadDemoData } from '@tapgate/gateway/operators/demo-reference';
import { openDatabase } from '@tapgate/gateway/store/connection';
import { openDeviceFolder } from '@tapgate/validator-firmware/device/device-folder';
import { enrolDevice, saveIdentity } from '@tapgate/validator-firmware/sync/device-identity';
import { City } from '../city/city.ts';
import { KilledGateway } from '../crash/killed-gateway.fixture.ts';
import { seededRandom } from '../seeded-random.ts';
import { KILL_STEPS, liveOnce, type KillOrder, type KillStep } from './killed-validator.fixture.ts';

// Two hundred times on a seed:  KILLS=200 TEST_SEED=7 npm test -- validator-killed
const KILLS = Number(process.env['KILLS'] ?? '20');
const SEED = process.env['TEST_SEED'] ?? '20261122';
const TERMINAL = terminalId('KILLED01');
const RIDERS = 3;
/** Lives until a step is reached. */
const LIVES_MAX = 4;
/** So many that a backlog is left even when the last who was tried live in the tunnel took along what had gathered by then. */
const RIDERS_OF_TUNNEL = 32;
test(
  `kill -9 of a gate, ${KILLS} times on seed ${SEED}: every tap that it decided arrives once`,
  { timeout: 120_000 + KILLS * 30_000 },
  async (context) => {
    assert.ok(KILLS >= KILL_STEPS.length, `each of ${KILL_STEPS.length} steps is hit at least once`);
    const random = seededRandom(`killed validator ${SEED}`);
    const dataDir = await mkdtemp(path.join(tmpdir(), 'tapgate-killed-'));
    const gateway = await KilledGateway.start(dataDir);
    try {
      const keystore = openKeystore({ dataDir, keystorePassphrase: null })?.keystore;
      assert.ok(keystore);
      const data = loadDemoData();
      const bankId = data.banks[0]?.bankId ?? '';
      const city = new City({
        ...{ data, keystore, nowMs: Date.now(), baseUrl: '', journalsFolder: '', ruleSetVersion: '' },
        random: (count) => Buffer.alloc(count),
      });
      const directory = path.join(dataDir, 'gate');
      await enrolGate(gateway.baseUrl, operatorToken(keystore), directory);
      const issuer = issuerPersonalisation(keystore, bankId);
      const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
      let cards = 0;
      const orderOf = (step: KillStep | null): KillOrder => {
        const isTunnel = step?.includes('bulk') === true;
        const riders = step === null ? 1 : isTunnel ? RIDERS_OF_TUNNEL : RIDERS;
        const { issuerCertificate, caKeyIndex, privateKey, publicKeyXy, imkAc, imkMac } = issuer;
        return {
          ...{ step, isTunnel, directory, baseUrl: gateway.baseUrl, waitMs: random.below(25) },
          occurrence: step?.includes('is written') === true ? 1 + random.below(RIDERS) : 1,
          cards: Array.from({ length: riders }, () => {
            const seed = `killed ${SEED} ${++cards}`;
            return { seed, pan: city.card({ bankId, seed }).pan };
          }),
          issuer: {
            ...{ caKeyIndex, issuerCertificate: hexOf(issuerCertificate), privateKey: hexOf(privateKey) },
            ...{ publicKeyXy: hexOf(publicKeyXy), imkAc: hexOf(imkAc), imkMac: hexOf(imkMac) },
          },
        };
      };

      const told = new Map<number, string>();
      const hits = new Map<KillStep, number>();
      const note = (lines: Awaited<ReturnType<typeof liveOnce>>['lines']): void => {
        for (const { event, tapSequence, decision } of lines) {
          if (event !== 'tap') continue;
          assert.ok(!told.has(Number(tapSequence)), 'a sequence is given out once');
          told.set(Number(tapSequence), String(decision));
        }
      };
      for (let kill = 0; kill < KILLS; kill++) {
        const step = KILL_STEPS[kill] ?? random.pick(KILL_STEPS);
        for (let lives = 1; ; lives++) {
          const life = await liveOnce(orderOf(step));
          note(life.lines);
          const last = life.lines.at(-1);
          // What an earlier life left behind may have taken these riders' taps along, so that none went the way of this step.
          if (last?.event === 'end' && lives < LIVES_MAX) continue;
          assert.deepEqual(
            [life.signal, last?.event, last?.['step']],
            ['SIGKILL', 'killed', step],
            life.said,
          );
          hits.set(step, (hits.get(step) ?? 0) + 1);
          break;
        }
      }
      const end = await liveOnce(orderOf(null));
      note(end.lines);
      assert.deepEqual(end.lines.at(-1), { event: 'end', waiting: 0 }, end.said);

      const database = await openDatabase(gateway.databaseUrl);
      try {
        const rows = await database.hot<
          { sequence: number; decision: string; outcome: string; cause: string | null }[]
        >`
          select tap_sequence::int as sequence, gate_decision as decision, outcome, cause from tap
          where terminal_id = ${TERMINAL} order by tap_sequence`;
        const [counted] = await database.hot<{ identities: number; acts: number }[]>`
          select (select count(*)::int from tap_identity where terminal_id = ${TERMINAL}) as identities,
            (select count(*)::int from card_atc) as acts`;
        const arrived = new Map(rows.map(({ sequence, decision }) => [sequence, decision]));
        const untold = [...arrived.keys()].filter((sequence) => !told.has(sequence)).length;
        context.diagnostic(
          `${told.size} taps told at the gate, ${rows.length} at the gateway, ${untold} written and not told; ` +
            [...hits].map(([step, times]) => `${step}: ${times}`).join('; '),
        );
        for (const [sequence, decision] of told)
          assert.equal(arrived.get(sequence), decision, `tap ${sequence} was told at the gate`);
        assert.deepEqual(
          rows.map(({ sequence }) => sequence),
          Array.from({ length: rows.length }, (_, index) => index + 1),
          'none is missing and none is twice',
        );
        assert.deepEqual(counted, { identities: rows.length, acts: rows.length });
        assert.deepEqual(
          rows.filter(({ outcome }) => outcome !== 'chargeable'),
          [],
          'every rider had a good card of his own',
        );
        // One that was being written when the blow fell, also one that fell on the way of an earlier tap.
        assert.ok(untold <= KILLS, `${untold} taps were written and nobody was told`);
        assert.equal(hits.size, KILL_STEPS.length);
      } finally {
        await database.close();
      }
    } finally {
      await gateway.stop();
      await rm(dataDir, { recursive: true, force: true });
    }
  },
);

async function enrolGate(baseUrl: string, token: string, directory: string): Promise<void> {
  const line = loadDemoData()
    .operators.flatMap(({ lines }) => lines)
    .find(({ rail, stations }) => rail === 'oda' && stations.length === 0);
  assert.ok(line);
  const response = await fetch(`${baseUrl}/v1/terminals`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      terminalId: TERMINAL,
      place: { lineId: line.lineId, stationId: null, tapKind: line.terminals[0]?.tapKind },
    }),
  });
  const { code } = (await response.json()) as { readonly code?: string };
  const folder = await openDeviceFolder(directory);
  const identity = await enrolDevice({
    ...{ baseUrl, terminalId: TERMINAL, clock: Date.now },
    code: readEnrolmentCode(code ?? '') ?? assert.fail('a code'),
  });
  await saveIdentity(folder.identityFile, folder.storageKey, identity);
}
