import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { TapGateError } from '@tapgate/sdk/error';
import type { ListStanding } from '../lists/list-ages.ts';
import type { SyncReport } from '../sync/sync-lists.ts';
import { FaultBook } from '../sync/terminal-report.ts';
import { GateFaults } from './gate-faults.ts';

const QUIET: SyncReport = { lists: [], clockSkewMs: 0, stoppedBy: null };
const standing = (change: Partial<ListStanding>): ListStanding => ({
  ...{ kind: 'hotlist', ageMs: 1_000, isStale: false },
  ...change,
});

describe('what goes wrong at a gate', () => {
  let directory = '';
  let book: FaultBook;
  let faults: GateFaults;
  let heard: string[] = [];
  let nowMs = 1;

  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'gate-faults-'));
    book = await FaultBook.open(directory);
    [heard, nowMs] = [[], 1];
    faults = new GateFaults(book, {
      clock: () => nowMs++,
      onFault: ({ code, detail }) => heard.push(`${code}: ${detail ?? '-'}`),
    });
  });
  afterEach(async () => {
    await faults.close();
    await rm(directory, { recursive: true, force: true });
  });

  const note = (synced: Partial<SyncReport>, standings: readonly ListStanding[] = []): string[] => {
    heard = [];
    faults.note({ synced: { ...QUIET, ...synced }, reportStoppedBy: null }, standings);
    return heard;
  };
  const list = (kind: 'hotlist' | 'ca_keys', stoppedBy: string | null) => ({
    ...{ kind, from: 1, to: 1, stoppedBy },
  });

  test('it is told, and written down with its time until the gateway has it', async () => {
    faults.now('reader_lost', 'reader 1');
    faults.now('reader_absent', null);
    assert.deepEqual(heard, ['reader_lost: reader 1', 'reader_absent: -']);
    assert.deepEqual(await book.waiting(), [
      { faultNo: 1, code: 'reader_lost', atMs: 1, detail: 'reader 1' },
      { faultNo: 2, code: 'reader_absent', atMs: 2, detail: null },
    ]);
  });

  test('an error is known by its code, else by its kind: never by a message, in which anything may stand', () => {
    faults.ofError('forward_failed', new TapGateError({ code: 'overloaded' }));
    faults.ofError('forward_failed', new TypeError('of card 6230580000000000042'));
    faults.ofError('forward_failed', 'thrown 6230580000000000042');
    assert.deepEqual(heard, ['forward_failed: overloaded', 'forward_failed: TypeError', 'forward_failed: -']);
  });

  test('a clock that is over a minute off is one fault for as long as it is, and another the next time', () => {
    assert.deepEqual(note({ clockSkewMs: 60_000 }), []);
    assert.deepEqual(note({ clockSkewMs: -60_001 }), ['clock_skewed: -60 s']);
    assert.deepEqual(note({ clockSkewMs: 90_000 }), []);
    assert.deepEqual(note({ clockSkewMs: null }), [], 'nothing was heard: it may be off still');
    assert.deepEqual(note({ clockSkewMs: 90_000 }), []);
    assert.deepEqual(note({ clockSkewMs: 1_000 }), []);
    assert.deepEqual(note({ clockSkewMs: 90_400 }), ['clock_skewed: +90 s']);
  });

  test('a revocation is a fault once, and again when the terminal was let in between; an outage says nothing of it', () => {
    assert.deepEqual(note({ stoppedBy: 'terminal_revoked' }), ['terminal_revoked: terminal_revoked']);
    assert.deepEqual(note({ stoppedBy: 'gateway_unreachable' }), []);
    assert.deepEqual(note({ stoppedBy: 'terminal_revoked' }), []);
    assert.deepEqual(note({}), []);
    assert.deepEqual(note({ stoppedBy: 'terminal_revoked' }), ['terminal_revoked: terminal_revoked']);
  });

  test('a list that is refused is a fault of its kind; one that could not be fetched is none', () => {
    assert.deepEqual(note({ lists: [list('hotlist', 'gateway_unreachable')] }), []);
    assert.deepEqual(note({ lists: [list('hotlist', 'list_signature_invalid'), list('ca_keys', null)] }), [
      'list_refused: hotlist list_signature_invalid',
    ]);
    assert.deepEqual(
      note({ lists: [list('hotlist', 'list_signature_invalid'), list('ca_keys', 'list_downgrade')] }),
      ['list_refused: ca_keys list_downgrade'],
    );
    assert.deepEqual(note({ lists: [list('hotlist', null)] }), []);
    assert.deepEqual(note({ lists: [list('hotlist', 'list_downgrade')] }), [
      'list_refused: hotlist list_downgrade',
    ]);
  });

  test('a list that has grown old is a fault once; one that never came has not grown old', () => {
    const old = standing({ isStale: true, ageMs: 86_400_001 });
    assert.deepEqual(note({}, [standing({ isStale: true, ageMs: null })]), []);
    assert.deepEqual(note({}, [old]), ['list_stale: hotlist']);
    assert.deepEqual(note({}, [old]), []);
    assert.deepEqual(note({}, [standing({})]), []);
    assert.deepEqual(note({}, [old]), ['list_stale: hotlist']);
  });
});
