import { buildDolData, parseDol } from '@tapgate/sdk/emv/dol';
import { parseTlv } from '@tapgate/sdk/emv/ber-tlv';
import { type OdaRefusal, odaRefused, type OdaRefused } from '@tapgate/sdk/emv/oda-refusal';
import { verifyRsaDynamicSignature, verifyRsaStaticSignature } from '@tapgate/sdk/emv/rsa-signed-data';
import { verifyDynamicSignature, verifyStaticSignature } from '@tapgate/sdk/emv/sm2-signed-data';
import type { CommandBudget, Dialogue } from '../card-dialogue.ts';
import { type CardToProve, proveCardKey, proveIssuerKey, type ProvenKey } from '../key-chain.ts';
import type { TerminalData } from '../terminal-data.ts';
import { exchangeByContact, isOk } from './contact-dialogue.ts';

const AIP_SDA = 0x40;
const AIP_DDA = 0x20;
const AIP_CDA = 0x01;
const DDOL_DATA_BYTES_MAX = 252;

/** Which offline authentication a card and a terminal have in common, the strongest first (82 byte 1). */
export type AuthenticationMethod = 'cda' | 'dda' | 'sda' | 'none';

export function chooseMethod(aip: Uint8Array, supportsCda: boolean): AuthenticationMethod {
  const [supported = 0] = aip;
  if (supportsCda && (supported & AIP_CDA) !== 0) return 'cda';
  if ((supported & AIP_DDA) !== 0) return 'dda';
  return (supported & AIP_SDA) !== 0 ? 'sda' : 'none';
}

export type ContactAuthentication = {
  /** null when what could be judged so far holds */
  readonly refusal: OdaRefusal | null;
  /** for a combined signature, judged with the cryptogram that it signs */
  readonly cardKey: ProvenKey | null;
  /** the card was pulled out, or answered outside the protocol */
  readonly interrupted: 'torn' | 'protocol_error' | null;
};

/**
 * SDA, DDA, or the key for CDA. DDA sends the terminal's DDOL data by INTERNAL AUTHENTICATE.
 *
 * @refuses as the chain of keys; then for SDA signed_static_data_*, for DDA signed_dynamic_data_* and dynamic_*
 * @spec pboc-contactless.md 4.1, 4.3, 4.5
 */
export function* authenticateByContact(
  method: AuthenticationMethod,
  card: CardToProve,
  staticData: Uint8Array,
  terminal: { readonly budget: CommandBudget; readonly data: TerminalData; readonly defaultDdol: Uint8Array },
): Dialogue<ContactAuthentication> {
  const issuer = proveIssuerKey(card);
  if (!issuer.ok) return failed(issuer);
  if (method === 'sda') return judged(verifyStatic(card, issuer.key, staticData));
  const own = proveCardKey(card, issuer.key, staticData);
  if (!own.ok) return failed(own);
  if (method === 'cda') return { refusal: null, cardKey: own.key, interrupted: null };

  const list = parseDol(card.objects.get('9F49') ?? terminal.defaultDdol);
  // A list that does not ask for the unpredictable number would let a recorded signature pass.
  if (!list.ok || !list.entries.some((entry) => entry.tag === '9F37' && entry.length >= 4))
    return failed(odaRefused('oda_data_missing', '9F49'));
  // The list is the card's: what it asks for must still fit a command.
  if (list.totalLength > DDOL_DATA_BYTES_MAX) return failed(odaRefused('oda_data_missing', '9F49'));
  const ddolData = buildDolData(list.entries, [terminal.data]);
  const command = Buffer.concat([
    Uint8Array.of(0x00, 0x88, 0x00, 0x00, ddolData.length),
    ddolData,
    Uint8Array.of(0x00),
  ]);
  const reply = yield* exchangeByContact(terminal.budget, command);
  if (reply.kind !== 'reply') return { refusal: null, cardKey: null, interrupted: reply.kind };
  const sdad = isOk(reply) ? signatureOf(reply.data) : undefined;
  return judged(verifyDynamic(own.key, sdad, ddolData));
}

/** Template 80 is the signature itself, template 77 holds it as 9F4B. */
function signatureOf(data: Uint8Array): Uint8Array | undefined {
  const parsed = parseTlv(data);
  const [template] = parsed.ok ? parsed.nodes : [];
  if (template?.tag === '80') return template.value;
  return template?.tag === '77' ? template.children?.find((node) => node.tag === '9F4B')?.value : undefined;
}

function verifyStatic(card: CardToProve, key: ProvenKey, staticData: Uint8Array) {
  const ssad = card.objects.get('93');
  return key.algorithm === 'SM2'
    ? verifyStaticSignature(ssad, key.publicKey.xy, staticData, key.publicKey)
    : verifyRsaStaticSignature(ssad, key.publicKey, staticData);
}

function verifyDynamic(key: ProvenKey, sdad: Uint8Array | undefined, terminalData: Uint8Array) {
  return key.algorithm === 'SM2'
    ? verifyDynamicSignature({ sdad, iccKeyXy: key.publicKey.xy, terminalData, atc: null }, key.publicKey)
    : verifyRsaDynamicSignature({ sdad, iccKey: key.publicKey, terminalData, atc: null });
}

function judged(result: { readonly ok: true } | OdaRefused): ContactAuthentication {
  return result.ok ? { refusal: null, cardKey: null, interrupted: null } : failed(result);
}

function failed(result: OdaRefused): ContactAuthentication {
  return { refusal: result.refusal, cardKey: null, interrupted: null };
}
