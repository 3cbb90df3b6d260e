import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { TapGateError } from '@tapgate/sdk/error';
import { generateSm2KeyPair, importSm2PublicKey, sm2Sign } from '@tapgate/sdk/gm/sm2';
import { sm2Decrypt } from '@tapgate/sdk/gm/sm2-encryption';
import type { ListRecipient } from '@tapgate/sdk/lists/list-envelope';
import {
  judgeKeyLink,
  type KeyLinkRefusalCode,
  type SigningKeyLink,
} from '@tapgate/sdk/lists/signing-key-link';
import { answerMac, possessionMessage, requestMac } from '@tapgate/sdk/terminals/enrolment';
import { isTerminalId, terminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { RAILS, TAP_KINDS, type Rail, type TapKind } from '@tapgate/sdk/wire/rails';
import { isRefusalCode } from '@tapgate/sdk/wire/refusals';
import { deriveSealingKeys, openEntry, sealEntry } from '../journal/sealed-entry.ts';
import { writeDurably } from '../lists/durable-file.ts';

/** Who this device is, as an enrolment has made it: its own keys, its place, and by what it knows its gateway. */
export type DeviceIdentity = {
  readonly terminalId: TerminalId;
  readonly operatorId: string;
  readonly lineId: string;
  readonly stationId: string | null;
  readonly tapKind: TapKind;
  readonly rail: Rail;
  /** the fare that GPO carries where the line has one, fen */
  readonly amountFen: number | null;
  /** IANA zone of the operator */
  readonly zone: string;
  /** whose counters and hotlines a rider is told of; '' where an older gateway did not say */
  readonly region: string;
  readonly sm2PrivateKey: Uint8Array;
  readonly sm2PublicKey: Uint8Array;
  readonly macKey: Uint8Array;
  readonly listSigningKeys: readonly { readonly keyId: string; readonly publicKeyXy: Uint8Array }[];
  /** where its journal begins to count: after its predecessor */
  readonly nextTapSequence: number;
  /** the gateway's clock less the device's when they met, ms */
  readonly clockSkewMs: number;
  /** the gateway has said that this terminal is revoked, and has not let it in since; another enrolment begins anew */
  readonly isRevoked: boolean;
};

export type EnrolmentFaultCode =
  /** the answer was not made with the code: whatever answered is not the gateway that gave it */
  | 'gateway_not_proven'
  | 'answer_not_understood'
  /** the file is not one of this device */
  | 'identity_not_read';

export class EnrolmentFault extends Error {
  override readonly name = 'EnrolmentFault';
  readonly code: EnrolmentFaultCode;

  constructor(code: EnrolmentFaultCode) {
    super(code);
    this.code = code;
  }
}

const TIMEOUT_MS = 10_000;

/**
 * Makes a key pair and has the gateway take it, once. The code stays on this side.
 *
 * @throws TapGateError enrolment_refused or what lies between; EnrolmentFault gateway_not_proven, answer_not_understood
 */
export async function enrolDevice(order: {
  readonly baseUrl: string;
  readonly terminalId: TerminalId;
  /** as sdk/terminals/enrolment.ts reads it */
  readonly code: string;
  readonly clock: () => number;
  readonly headers?: Readonly<Record<string, string>>;
}): Promise<DeviceIdentity> {
  const { privateKey, publicKeyXy } = generateSm2KeyPair();
  const claim = { terminalId: order.terminalId, issuedAtMs: order.clock(), publicKeyXy };
  const signature = sm2Sign({ privateKey, publicKeyXy, message: possessionMessage(claim) });
  const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');
  const answer = await post(`${order.baseUrl}/v1/terminal-enrolments`, order.headers ?? {}, {
    ...{ terminalId: claim.terminalId, issuedAtMs: claim.issuedAtMs, publicKey: base64(publicKeyXy) },
    ...{ signature: base64(signature), mac: base64(requestMac(order.code, claim, signature)) },
  });
  const { statement, mac } = answer;
  if (typeof statement !== 'string' || typeof mac !== 'string')
    throw new EnrolmentFault('answer_not_understood');
  const [given, expected] = [Buffer.from(mac, 'base64'), answerMac(order.code, statement)];
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    throw new EnrolmentFault('gateway_not_proven');
  return identityOf(JSON.parse(statement) as Json, { privateKey, publicKeyXy }, order.clock());
}

type Json = Readonly<Record<string, unknown>>;

async function post(url: string, headers: Readonly<Record<string, string>>, body: object): Promise<Json> {
  let status = 0;
  let answer: unknown;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    status = response.status;
    answer = await response.json();
  } catch (cause) {
    throw new TapGateError({ code: 'gateway_unreachable' }, { cause });
  }
  const read = (typeof answer === 'object' && answer !== null ? answer : {}) as Json;
  if (status === 201) return read;
  const error = read['error'] as Json | undefined;
  const code = error?.['code'];
  const known = typeof code === 'string' && isRefusalCode(code) ? code : 'answer_not_understood';
  throw new TapGateError({ code: known, status });
}

/** What the gateway said, whose MAC holds: only its form is in question. */
function identityOf(
  said: Json,
  own: { readonly privateKey: Uint8Array; readonly publicKeyXy: Uint8Array },
  nowMs: number,
): DeviceIdentity {
  const { operatorId, lineId, stationId, zone, region, amountFen, nextTapSequence } = said;
  const tapKind = TAP_KINDS.find((kind) => kind === said['tapKind']);
  const rail = RAILS.find((known) => known === said['rail']);
  const signing = said['listSigningKey'] as Json | undefined;
  const [id, keyId, listKey, sealed] = [
    said['terminalId'],
    signing?.['keyId'],
    signing?.['publicKey'],
    said['macKey'],
  ];
  const macKey =
    typeof sealed === 'string' ? sm2Decrypt(own.privateKey, Buffer.from(sealed, 'base64'), 'c1c3c2') : null;
  const isText = (value: unknown): value is string => typeof value === 'string';
  if (!isText(id) || !isTerminalId(id) || !isText(operatorId) || !isText(lineId) || !isText(zone))
    throw new EnrolmentFault('answer_not_understood');
  if (!isText(keyId) || !isText(listKey) || macKey?.length !== 32 || !tapKind || !rail)
    throw new EnrolmentFault('answer_not_understood');
  return {
    ...{ terminalId: id, operatorId, lineId, tapKind, rail, zone, macKey },
    stationId: isText(stationId) ? stationId : null,
    region: isText(region) ? region : '',
    amountFen: typeof amountFen === 'number' ? amountFen : null,
    sm2PrivateKey: own.privateKey,
    sm2PublicKey: own.publicKeyXy,
    listSigningKeys: [{ keyId, publicKeyXy: Buffer.from(listKey, 'base64') }],
    nextTapSequence: typeof nextTapSequence === 'number' ? nextTapSequence : 1,
    clockSkewMs: Number(said['nowMs']) - nowMs,
    isRevoked: false,
  };
}

/** Where it stands in its file: the name that is authenticated with it. */
const FILE_KEY = Buffer.from('device-identity', 'ascii');

/** Keeps the identity, sealed under the device's storage key. */
export async function saveIdentity(
  file: string,
  storageKey: Uint8Array,
  identity: DeviceIdentity,
): Promise<void> {
  // A Buffer turns itself into something else before a replacer sees it: what stands in its place is asked.
  const text = JSON.stringify(
    identity,
    function (this: Readonly<Record<string, unknown>>, name, value: unknown) {
      const bytes = this[name];
      return bytes instanceof Uint8Array ? { hex: Buffer.from(bytes).toString('hex') } : value;
    },
  );
  const keys = deriveSealingKeys(storageKey);
  await writeDurably(file, sealEntry(keys, FILE_KEY, Buffer.from(text, 'utf8'), randomBytes(16)));
}

/** @returns null before the first enrolment @throws EnrolmentFault identity_not_read */
export async function loadIdentity(file: string, storageKey: Uint8Array): Promise<DeviceIdentity | null> {
  const sealed = await readFile(file).catch(() => null);
  if (sealed === null) return null;
  const plain = openEntry(deriveSealingKeys(storageKey), FILE_KEY, sealed);
  if (plain === null) throw new EnrolmentFault('identity_not_read');
  // Sealed by this device: what is inside is its own writing.
  const read = JSON.parse(Buffer.from(plain).toString('utf8'), (_name, value: unknown) =>
    isHex(value) ? Buffer.from(value.hex, 'hex') : value,
  ) as Omit<DeviceIdentity, 'region' | 'isRevoked'> & Partial<Pick<DeviceIdentity, 'region' | 'isRevoked'>>;
  const { region = '', isRevoked = false } = read;
  return { ...read, terminalId: terminalId(read.terminalId), region, isRevoked };
}

function isHex(value: unknown): value is { readonly hex: string } {
  if (typeof value !== 'object' || value === null) return false;
  return 'hex' in value && typeof value.hex === 'string';
}

/**
 * The identity with the newest signing key that the links lead to, one after the other; the key before is let go of. A link that does not
 * hold ends the way there: the keys before it are taken.
 */
export function withSigningKeys(
  identity: DeviceIdentity,
  links: readonly SigningKeyLink[],
): { readonly identity: DeviceIdentity; readonly stoppedBy: KeyLinkRefusalCode | null } {
  const first = identity.listSigningKeys.at(-1);
  let held = first;
  let stoppedBy: KeyLinkRefusalCode | null = null;
  for (const link of links) {
    if (held === undefined) break;
    const judged = judgeKeyLink(link, held);
    if (!judged.ok) {
      stoppedBy = judged.code;
      break;
    }
    held = judged.key;
  }
  if (held === undefined || held === first) return { identity, stoppedBy };
  return { identity: { ...identity, listSigningKeys: [held] }, stoppedBy };
}

/** The device as one to whom lists are addressed. */
export function recipientOf(identity: DeviceIdentity): ListRecipient {
  const keys = new Map(
    identity.listSigningKeys.map(({ keyId, publicKeyXy }) => [keyId, importSm2PublicKey(publicKeyXy)]),
  );
  return {
    terminalId: identity.terminalId,
    operatorId: identity.operatorId,
    verify: (keyId, message, signature) => keys.get(keyId)?.verify(message, signature) ?? null,
  };
}

/** What the SDK's client signs a session with. */
export function sessionCredentialsOf(identity: DeviceIdentity): {
  readonly terminalId: TerminalId;
  readonly sign: (message: Uint8Array) => Uint8Array;
} {
  const { sm2PrivateKey: privateKey, sm2PublicKey: publicKeyXy } = identity;
  return {
    terminalId: identity.terminalId,
    sign: (message) => sm2Sign({ privateKey, publicKeyXy, message }),
  };
}
