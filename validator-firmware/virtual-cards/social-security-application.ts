import { bytesFromHex, hex } from '@tapgate/sdk/emv/hex';
import { encodeTlv } from '@tapgate/sdk/emv/tlv-encoding';
import { sm3 } from '@tapgate/sdk/gm/sm3';
import type { SocialSecurityApplication } from './card-personalisation.ts';
import type { CommandApdu } from './command-apdu.ts';
import { respond, SW } from './status-words.ts';

/** `sx1.sh.` and 社会保障 in GBK; pboc-contactless.md 1.2. */
export const SOCIAL_SECURITY_DF_NAME = bytesFromHex('7378312E73682EC9E7BBE1B1A3D5CF');
const ISSUER_FILE = 0xef05;
const HOLDER_FILE = 0xef06;
const CARD_NUMBER_RECORD = 0x07;

/** Invented issuer data: a card identifier of the application's RID and a card number of digits. */
export function personaliseSocialSecurity(seed: string): SocialSecurityApplication {
  const digest = sm3(Buffer.from(`${seed}|social security`, 'utf8'));
  const number = [...digest.subarray(0, 9)].map((byte) => String(byte % 10)).join('');
  return {
    dfName: SOCIAL_SECURITY_DF_NAME,
    issuerRecords: new Map([
      [0x01, bytesFromHex(`000000D156000005${hex(digest.subarray(9, 17))}`)],
      [CARD_NUMBER_RECORD, Buffer.from(number, 'ascii')],
    ]),
  };
}

/**
 * Answers commands of the selected social-security application: the issuer file is free to read, the holder's (name and
 * identity number) asks for an authentication that no gate can give.
 *
 * @spec pboc-contactless.md 1.2 [likely]; the protection of EF06 [unsure]
 */
export function answerSocialSecurity(
  application: SocialSecurityApplication,
  selectedFile: number | null,
  command: CommandApdu,
): { readonly response: Uint8Array; readonly selectedFile: number | null } {
  if (command.ins === 0xa4 && command.data.length === 2) {
    const file = (command.data[0] ?? 0) * 256 + (command.data[1] ?? 0);
    if (file !== ISSUER_FILE && file !== HOLDER_FILE)
      return { response: respond(SW.fileNotFound), selectedFile };
    return { response: respond(SW.ok), selectedFile: file };
  }
  if (command.ins !== 0xb2) return { response: respond(SW.instructionUnknown), selectedFile };
  if (selectedFile === HOLDER_FILE) return { response: respond(SW.securityNotSatisfied), selectedFile };
  const record = selectedFile === ISSUER_FILE ? application.issuerRecords.get(command.p1) : undefined;
  return {
    response: record === undefined ? respond(SW.recordNotFound) : respond(SW.ok, record),
    selectedFile,
  };
}

export function socialSecurityFci(application: SocialSecurityApplication): Uint8Array {
  return encodeTlv('6F', encodeTlv('84', application.dfName));
}
