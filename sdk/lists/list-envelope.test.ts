import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { sm2KeyPairFromSeed, sm2Sign, sm2Verify } from '../gm/sm2.ts';
import { terminalId } from '../wire/identifiers.ts';
import {
  judgeEnvelope,
  listSigningMessage,
  parseListStatement,
  writeListStatement,
  type ListEnvelope,
  type ListStatement,
} from './list-envelope.ts';
import { PIECE_BYTES, PieceHash, pieceHash } from './piece-hash.ts';
import { rollOutPlace } from './roll-out.ts';

const KEY = sm2KeyPairFromSeed(Buffer.from('lists'));
const OTHER = sm2KeyPairFromSeed(Buffer.from('somebody else'));
const NOW_MS = 1_000_000;
const GATE = terminalId('GATE0001');
const STATEMENT: ListStatement = {
  kind: 'hotlist',
  version: 7,
  baseVersion: 6,
  validFromMs: NOW_MS - 10,
  madeAtMs: NOW_MS - 10,
  scope: { kind: 'all' },
  sharePermille: 1_000,
  bodyBytes: 32,
  bodySm3: 'A'.repeat(64),
  listKeyId: '0123456789ABCDEF',
};

function signed(statement: string, key = KEY): ListEnvelope {
  const message = listSigningMessage(statement);
  const signature = sm2Sign({ privateKey: key.privateKey, publicKeyXy: key.publicKeyXy, message });
  return { statement, keyId: 'K1', signature: Buffer.from(signature).toString('base64') };
}

const RECIPIENT = {
  terminalId: GATE,
  operatorId: 'metro',
  verify: (keyId: string, message: Uint8Array, signatureRs: Uint8Array) =>
    keyId === 'K1' ? sm2Verify({ publicKeyXy: KEY.publicKeyXy, message, signatureRs }) : null,
};

function judge(envelope: ListEnvelope, held: { version: number; madeAtMs: number } | null): string {
  const judged = judgeEnvelope(envelope, { kind: 'hotlist', recipient: RECIPIENT, held, nowMs: NOW_MS });
  return judged.ok ? `version ${judged.statement.version}` : judged.code;
}

const BASE = { version: 6, madeAtMs: 5 };
const saying = (change: Partial<ListStatement>) => signed(writeListStatement({ ...STATEMENT, ...change }));

describe('list envelope', () => {
  test('what the gateway signs for this terminal is taken', () => {
    assert.equal(judge(saying({}), BASE), 'version 7');
    assert.equal(judge(saying({ baseVersion: null }), null), 'version 7');
    assert.equal(judge(saying({ scope: { kind: 'operator', operatorId: 'metro' } }), BASE), 'version 7');
    assert.equal(judge(saying({ scope: { kind: 'terminals', terminalIds: [GATE] } }), BASE), 'version 7');
  });

  test('each refusal, in the order in which they are asked', () => {
    const good = saying({});
    const tampered = { ...good, statement: good.statement.replace('"version":7', '"version":8') };
    const cases: readonly [ListEnvelope, string][] = [
      [{ ...good, keyId: 'K2' }, 'list_key_unknown'],
      [tampered, 'list_signature_invalid'],
      [signed(good.statement, OTHER), 'list_signature_invalid'],
      [{ ...good, signature: 'AAAA' }, 'list_signature_invalid'],
      [signed(good.statement.replace('{', '{ ')), 'list_malformed'],
      [signed('[]'), 'list_malformed'],
      [saying({ kind: 'concessions' }), 'list_kind_differs'],
      [saying({ scope: { kind: 'operator', operatorId: 'bus' } }), 'list_not_for_terminal'],
      [saying({ scope: { kind: 'terminals', terminalIds: ['GATE0002'] } }), 'list_not_for_terminal'],
      [saying({ sharePermille: rollOutPlace('hotlist', GATE) }), 'list_not_for_terminal'],
      [saying({ validFromMs: NOW_MS + 1 }), 'list_not_valid_yet'],
      [saying({ version: 5, baseVersion: null }), 'list_downgrade'],
      [saying({ version: 6, baseVersion: 5, madeAtMs: 4 }), 'list_downgrade'],
      [saying({ baseVersion: 5 }), 'list_base_differs'],
    ];
    for (const [envelope, code] of cases) assert.equal(judge(envelope, BASE), code);
    assert.equal(judge(saying({}), null), 'list_base_differs');
  });

  test('the version in use may be said again, later, whatever its base was', () => {
    assert.equal(judge(saying({}), { version: 7, madeAtMs: 5 }), 'version 7');
  });

  test('a share takes those whose place lies below it, and the next larger share takes them too', () => {
    const place = rollOutPlace('hotlist', GATE);
    assert.equal(judge(saying({ sharePermille: place + 1 }), BASE), 'version 7');
    const places = Array.from({ length: 4_000 }, (_, index) =>
      rollOutPlace('hotlist', terminalId(`G${String(index).padStart(7, '0')}`)),
    );
    const share = places.filter((of) => of < 100).length / places.length;
    assert.ok(share > 0.08 && share < 0.12, `a share of 10 % took ${share * 100} %`);
  });

  test('a statement is one text: what it says reads back, and no other spelling of it is taken', () => {
    const text = writeListStatement(STATEMENT);
    assert.deepEqual(parseListStatement(text), STATEMENT);
    const wrong: Partial<Record<keyof ListStatement, unknown>>[] = [
      { version: -1 },
      { version: 1.5 },
      { baseVersion: 7 },
      { sharePermille: 1_001 },
      { bodySm3: 'a'.repeat(64) },
      { listKeyId: null },
      { scope: { kind: 'terminals', terminalIds: ['short'] } },
      { kind: 'gate_parameters' },
    ];
    for (const change of wrong)
      assert.equal(parseListStatement(JSON.stringify({ ...STATEMENT, ...change })), null);
  });
});

describe('piece hash', () => {
  test('is the same however the body comes', () => {
    const body = Buffer.alloc(2 * PIECE_BYTES + 1_234, 0x5a);
    body.writeUInt32BE(7, PIECE_BYTES - 2);
    const bitwise = new PieceHash();
    for (let at = 0; at < body.length; at += 300_001) bitwise.update(body.subarray(at, at + 300_001));
    assert.equal(bitwise.digest(), pieceHash(body));
    assert.notEqual(pieceHash(body), pieceHash(body.subarray(1)));
    assert.notEqual(pieceHash(body.subarray(0, PIECE_BYTES)), pieceHash(body.subarray(0, PIECE_BYTES + 1)));
  });
});
