import assert from 'node:assert/strict';
import test from 'node:test';
import { sm2KeyPairFromSeed, sm2Sign, type Sm2KeyPair } from '../gm/sm2.ts';
import { parseAfl } from './afl.ts';
import { parseTlv, TLV_REFUSAL_CODES, type TlvNode } from './ber-tlv.ts';
import { loadCaKey } from './ca-keys.ts';
import { Pan, parsePan, parseTrack2, readCardIdentity } from './card-identity.ts';
import { buildDolData, parseDol } from './dol.ts';
import { bytesFromHex, equalBytes, hex } from './hex.ts';
import { parseIad } from './iad.ts';
import { odaRefusalRank, type OdaRefused } from './oda-refusal.ts';
import { generateKeyPairSync } from 'node:crypto';
import { verifyRsaIccCertificate, verifyRsaIssuerCertificate } from './rsa-certificates.ts';
import {
  buildRsaDynamicSignature,
  buildRsaIccCertificate,
  buildRsaIssuerCertificate,
  rsaSignerOf,
} from './rsa-personalisation.ts';
import { verifyRsaDynamicSignature } from './rsa-signed-data.ts';
import { SeededRandom, seedOfRun } from './seeded-random.ts';
import {
  buildIccCertificate,
  buildIssuerCertificate,
  verifyIccCertificate,
  verifyIssuerCertificate,
} from './sm2-certificates.ts';
import { buildDynamicSignature, verifyDynamicSignature } from './sm2-signed-data.ts';
import { buildStaticData } from './static-data.ts';
import { encodeTlvTree, type TlvDraft } from './tlv-encoding.ts';

// Whatever a card sends ends in a value: no throw, no loop, no allocation by a stated length. TAPGATE_FUZZ_SCALE multiplies the
// numbers of cases (1 is what CI runs), TAPGATE_SEED repeats a run. A case that ever failed is kept in KEPT_CASES.
const seed = seedOfRun(process.env, Date.now());
const scale = Number(process.env['TAPGATE_FUZZ_SCALE'] ?? '1');
const TLV_CASES = Math.round(1_000_000 * scale);
const CERTIFICATE_CASES = Math.round(20_000 * scale);

const TAGS = [
  '5A',
  '57',
  '82',
  '94',
  '9F36',
  '9F26',
  '9F10',
  '9F4B',
  '5F24',
  'DF60',
  '9F38',
  'DF8101',
] as const;
const TEMPLATES = ['70', '77', 'A5', 'BF0C', '61'] as const;

/** A random tree with each primitive tag once in its template, as a card must write it. */
function randomTree(random: SeededRandom, depth: number): TlvDraft[] {
  const used = new Set<string>();
  return Array.from({ length: 1 + random.below(4) }, (): TlvDraft => {
    if (depth < 4 && random.below(4) === 0) {
      return { tag: random.pick(TEMPLATES), children: randomTree(random, depth + 1) };
    }
    let tag: string = random.pick(TAGS);
    while (used.has(tag)) tag = random.pick(TAGS);
    used.add(tag);
    return { tag, value: random.bytes(random.below(random.below(10) === 0 ? 300 : 24)) };
  });
}

/** Trees to take and to break: making a tree costs far more than reading one. */
function sampleEncodings(random: SeededRandom): readonly Uint8Array[] {
  return Array.from({ length: 4000 }, () => encodeTlvTree(randomTree(random, 0)));
}

const INTERESTING = [0x00, 0x01, 0x1f, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x9f, 0xff] as const;

/** Some bytes replaced, some cut off or doubled. */
function mutated(random: SeededRandom, bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  for (let edits = 1 + random.below(4); edits > 0; edits--) {
    copy[random.below(copy.length)] = random.below(2) === 0 ? random.pick(INTERESTING) : random.below(256);
  }
  return random.below(3) === 0 ? copy.subarray(0, random.below(copy.length + 1)) : copy;
}

function countNodes(nodes: readonly TlvNode[], input: Uint8Array, depth: number): number {
  assert.ok(depth <= 16);
  let total = nodes.length;
  for (const node of nodes) {
    assert.equal(node.value.buffer, input.buffer, 'a value is a view of the input');
    if (node.children) total += countNodes(node.children, input, depth + 1);
  }
  return total;
}

const CODES: ReadonlySet<string> = new Set(TLV_REFUSAL_CODES);

/** What every reader of card bytes must do with any bytes. @returns whether a kernel would accept them as TLV */
function readEverything(input: Uint8Array, options: { readonly thorough: boolean }): boolean {
  const result = parseTlv(input);
  if (!result.ok) {
    assert.ok(CODES.has(result.refusal.code));
    assert.ok(result.refusal.offset >= 0 && result.refusal.offset <= input.length);
  }
  if (!options.thorough) return result.ok;

  const lenient = parseTlv(input, { mode: 'lenient' });
  assert.ok(lenient.ok || !result.ok, 'what a kernel accepts, a reader reads');
  if (lenient.ok) assert.ok(countNodes(lenient.nodes, input, 1) <= 512);
  const dol = parseDol(input);
  if (dol.ok) assert.equal(buildDolData(dol.entries, []).length, dol.totalLength);
  const afl = parseAfl(input);
  if (afl.ok) assert.ok(afl.records.length <= 63 * 255);
  parseIad(input);
  parsePan(input);
  parseTrack2(input);
  readCardIdentity(
    new Map([
      ['5A', input],
      ['57', input],
      ['5F24', input.subarray(0, 3)],
      ['5F34', input.subarray(0, 1)],
    ]),
  );
  buildStaticData([{ sfi: 1, record: 1, body: input, offlineAuth: true }], input, input);
  return result.ok;
}

test(`${TLV_CASES} TLV inputs, as many broken as whole, end in a value (TAPGATE_SEED=${seed})`, () => {
  const random = new SeededRandom(seed);
  const samples = sampleEncodings(random);
  let accepted = 0;
  let refused = 0;
  for (let round = 0; round < TLV_CASES; round++) {
    const sample = random.pick(samples);
    const kind = round & 3;
    // Whole, cut short by at least a byte, changed at random, noise.
    const input =
      kind < 2
        ? sample
        : kind === 2
          ? mutated(random, sample)
          : sample.subarray(0, 1 + random.below(sample.length - 1));
    const ok = readEverything(round % 4000 < 4 ? random.bytes(random.below(260)) : input, {
      thorough: round % 8 >= 6,
    });
    if (kind < 2 && round % 4000 >= 4) assert.ok(ok, `seed ${seed}, round ${round}: ${hex(input)}`);
    if (ok) accepted++;
    else refused++;
  }
  assert.ok(
    TLV_CASES < 1000 || Math.min(accepted, refused) > TLV_CASES * 0.3,
    `${accepted} accepted, ${refused} refused`,
  );
});

/** Inputs on which readers stumble, and every one that ever failed here (none so far). Hex. */
const KEPT_CASES: readonly string[] = [
  '',
  '00'.repeat(600),
  'FF'.repeat(300),
  '70'.repeat(300),
  '7080'.repeat(40),
  '9200'.repeat(600),
  '5A84FFFFFFFF',
  '5A84000000',
  '9F'.repeat(20),
  '9FFFFFFFFF7F00',
  '70847FFFFFFF5A0162',
  '3F8080808001',
  '57135ADD'.repeat(12),
  '07FFFF03' + 'A0'.repeat(28),
  '9F38FF'.repeat(80),
];

test('inputs on which readers stumble end in a value', () => {
  for (const kept of KEPT_CASES) readEverything(bytesFromHex(kept), { thorough: true });
});

const seeded = (name: string): Sm2KeyPair => sm2KeyPairFromSeed(new TextEncoder().encode(name));
const signer = (keys: Sm2KeyPair) => (message: Uint8Array) => sm2Sign({ ...keys, message });

/** A check that accepts exactly one input of its kind, and that input. */
type Guarded = {
  readonly genuine: Uint8Array;
  readonly accepts: (bytes: Uint8Array) => { readonly ok: true } | OdaRefused;
};

function guardedObjects(): readonly Guarded[] {
  const [ca, issuer, card] = [seeded('fuzz ca'), seeded('fuzz issuer'), seeded('fuzz card')];
  const empty = new Uint8Array();
  const pan = Pan.of('6228000100001117');
  const named = { rid: bytesFromHex('A000000333'), index: 1, expiry: null, exponent: empty, checksum: empty };
  const caKey = loadCaKey({ ...named, modulus: ca.publicKeyXy });
  assert.ok(pan && caKey.ok && caKey.key.algorithm === 'SM2');
  const sm2Ca = caKey.key;
  const context = { pan, onDate: null };
  const expiryMmyy = bytesFromHex('1230');
  const serial = bytesFromHex('000001');
  const staticData = bytesFromHex('5A086228000100001117');
  const terminalData = bytesFromHex('2B29EBE4000000000200015601C1B626881600');
  const dynamicData = bytesFromHex('020005');
  const atc = bytesFromHex('0005');

  const rsa = (bits: number) =>
    rsaSignerOf(generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: 3 }).privateKey);
  const [rsaCa, rsaIssuer, rsaCard] = [rsa(1152), rsa(1152), rsa(1024)];
  const rsaCaKey = {
    algorithm: 'RSA',
    rid: 'A000000333',
    index: 2,
    expiry: null,
    ...rsaCa.publicKey,
  } as const;
  const rsaIssuerBuilt = buildRsaIssuerCertificate(
    { issuerId: bytesFromHex('62280001'), expiryMmyy, serial, publicKey: rsaIssuer.publicKey },
    rsaCa,
  );
  const rsaIccBuilt = buildRsaIccCertificate(
    { pan, expiryMmyy, serial, publicKey: rsaCard.publicKey, staticData },
    rsaIssuer,
  );
  return [
    {
      genuine: buildIssuerCertificate(
        { issuerId: bytesFromHex('62280001'), expiryMmyy, serial, publicKeyXy: issuer.publicKeyXy },
        signer(ca),
      ),
      accepts: (bytes) => verifyIssuerCertificate(bytes, sm2Ca, context),
    },
    {
      genuine: buildIccCertificate(
        { pan, expiryMmyy, serial, publicKeyXy: card.publicKeyXy, staticData },
        signer(issuer),
      ),
      accepts: (bytes) => verifyIccCertificate(bytes, issuer.publicKeyXy, staticData, context),
    },
    {
      genuine: buildDynamicSignature(dynamicData, terminalData, signer(card)),
      accepts: (bytes) =>
        verifyDynamicSignature({ sdad: bytes, iccKeyXy: card.publicKeyXy, terminalData, atc }),
    },
    {
      genuine: rsaIssuerBuilt.certificate,
      accepts: (bytes) =>
        verifyRsaIssuerCertificate({ ...rsaIssuerBuilt, certificate: bytes }, rsaCaKey, context),
    },
    {
      genuine: rsaIccBuilt.certificate,
      accepts: (bytes) =>
        verifyRsaIccCertificate(
          { ...rsaIccBuilt, certificate: bytes },
          rsaIssuer.publicKey,
          staticData,
          context,
        ),
    },
    {
      genuine: buildRsaDynamicSignature(dynamicData, terminalData, rsaCard),
      accepts: (bytes) =>
        verifyRsaDynamicSignature({ sdad: bytes, iccKey: rsaCard.publicKey, terminalData, atc }),
    },
  ];
}

test(`${CERTIFICATE_CASES} certificates and signatures: accepted when genuine, refused by name when changed (TAPGATE_SEED=${seed})`, () => {
  const random = new SeededRandom(seed + 1);
  const objects = guardedObjects();
  for (let round = 0; round < CERTIFICATE_CASES; round++) {
    const { genuine, accepts } = random.pick(objects);
    const input = round % 2 === 0 ? genuine : mutated(random, genuine);
    const result = accepts(input);
    assert.equal(result.ok, equalBytes(input, genuine), `seed ${seed}, round ${round}: ${hex(input)}`);
    if (!result.ok) assert.ok(odaRefusalRank(result.refusal.code) >= 0);
  }
});
