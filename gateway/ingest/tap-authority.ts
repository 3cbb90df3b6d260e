import type { CaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import { verifyCryptogram } from '@tapgate/sdk/emv/cryptogram';
import type { Sm2IssuerCertificate } from '@tapgate/sdk/emv/sm2-certificates';
import { HmacSm3Key } from '@tapgate/sdk/gm/sm3';
import { firstOf } from '@tapgate/sdk/tap-record/object-table';
import type { TapEvidence } from '@tapgate/sdk/tap-record/tap-evidence';
import type { PanToken, TerminalId } from '@tapgate/sdk/wire/identifiers';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { RecordAuthority } from './authenticate-record.ts';
import type { BinTable } from './bin-table.ts';
import type { NamedIssuerCertificate, ProofAuthority } from './plan-proof.ts';
import type { TerminalPlacement } from './terminal-placement.ts';

/** The reference data that judging taps needs, in memory, as it stood when the gateway started. */
export type TapReference = {
  readonly terminals: ReadonlyMap<TerminalId, TerminalPlacement>;
  readonly bins: BinTable;
  readonly caKeys: CaKeyTable;
  /** as emv/sm2-certificates names them; none where no list is loaded */
  readonly revokedIssuerCertificates?: ReadonlySet<string>;
};

/** What a tap is judged by: reference data, keys, and what this process has verified already. */
export class TapAuthority implements RecordAuthority, ProofAuthority {
  readonly bins: BinTable;
  readonly caKeys: CaKeyTable;
  readonly revokedIssuerCertificates: ReadonlySet<string>;
  #terminals: ReadonlyMap<TerminalId, TerminalPlacement>;
  readonly #keys: KeyProvider;
  readonly #macKeys = new Map<TerminalId, HmacSm3Key>();
  readonly #issuerCertificates = new Map<string, Sm2IssuerCertificate>();

  constructor(reference: TapReference, keys: KeyProvider) {
    this.bins = reference.bins;
    this.caKeys = reference.caKeys;
    this.revokedIssuerCertificates = reference.revokedIssuerCertificates ?? new Set();
    this.#terminals = reference.terminals;
    this.#keys = keys;
  }

  findPlacement(terminalId: TerminalId): TerminalPlacement | null {
    return this.#terminals.get(terminalId) ?? null;
  }

  /** Terminals as they stand from now on: one was enrolled, moved or revoked. */
  replaceTerminals(terminals: ReadonlyMap<TerminalId, TerminalPlacement>): void {
    this.#terminals = terminals;
  }

  /** Only called for terminals that are registered, so the memory of derived keys has their number as its bound. */
  terminalMac(terminalId: TerminalId, macInput: Uint8Array): Uint8Array {
    let key = this.#macKeys.get(terminalId);
    if (key === undefined) {
      key = new HmacSm3Key(this.#keys.terminalMacKey(terminalId));
      this.#macKeys.set(terminalId, key);
    }
    return key.tag(macInput);
  }

  panToken(panDigits: string): PanToken {
    return this.#keys.panToken(panDigits);
  }

  verifiedIssuerCertificate(name: string): Sm2IssuerCertificate | null {
    return this.#issuerCertificates.get(name) ?? null;
  }

  /** To be called for one whose signature has verified, and for no other. */
  rememberIssuerCertificate({ name, certificate }: NamedIssuerCertificate): void {
    if (this.#issuerCertificates.size >= ISSUER_CERTIFICATES_MAX) this.#issuerCertificates.clear();
    this.#issuerCertificates.set(name, certificate);
  }

  /** @returns null where the issuer's key is not loaded here, so that nobody can say */
  cryptogramHolds(evidence: TapEvidence, bankId: string | null): boolean | null {
    const masterKey = bankId === null ? null : this.#keys.issuerMasterKey(bankId, 'ac');
    if (masterKey === null) return null;
    const { iad } = evidence;
    // What the terminal sent stands over what a card may have returned under the same tag.
    const objects = firstOf(evidence.terminal.objects, evidence.cardObjects);
    const { pan, panSequenceNumber } = evidence.identity;
    return verifyCryptogram(evidence.cryptogram, iad, objects, {
      algorithm: iad.algorithm ?? 'SM4',
      masterKey,
      owner: { pan, panSequenceNumber },
    }).ok;
  }
}

/** A few dozen banks with a handful of certificates each; a flood of forged ones never gets here, for they do not verify. */
const ISSUER_CERTIFICATES_MAX = 1_024;
