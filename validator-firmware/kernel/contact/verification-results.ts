/**
 * Terminal verification results (95) and transaction status information (9B) as named bits. Positions from EMV Book 3 annexes C5
 * and C6 (general knowledge; the reference lists the tags, not their bits).
 */
export const TVR_BITS = {
  data_authentication_not_performed: [1, 8],
  sda_failed: [1, 7],
  card_data_missing: [1, 6],
  on_exception_file: [1, 5],
  dda_failed: [1, 4],
  cda_failed: [1, 3],
  application_versions_differ: [2, 8],
  application_expired: [2, 7],
  application_not_yet_effective: [2, 6],
  service_not_allowed: [2, 5],
  new_card: [2, 4],
  cardholder_verification_failed: [3, 8],
  cvm_unrecognised: [3, 7],
  online_pin_entered: [3, 3],
  floor_limit_exceeded: [4, 8],
  lower_offline_limit_exceeded: [4, 7],
  upper_offline_limit_exceeded: [4, 6],
  selected_randomly_for_online: [4, 5],
  issuer_authentication_failed: [5, 7],
  script_failed_before_final_cryptogram: [5, 6],
  script_failed_after_final_cryptogram: [5, 5],
} as const satisfies Record<string, readonly [byte: number, bit: number]>;
export type TvrBit = keyof typeof TVR_BITS;

export const TSI_BITS = {
  data_authentication_performed: [1, 8],
  cardholder_verification_performed: [1, 7],
  card_risk_management_performed: [1, 6],
  issuer_authentication_performed: [1, 5],
  terminal_risk_management_performed: [1, 4],
  script_processing_performed: [1, 3],
} as const satisfies Record<string, readonly [byte: number, bit: number]>;
export type TsiBit = keyof typeof TSI_BITS;

/** What a contact transaction has found so far; five bytes and two, as the card is told them. */
export class VerificationResults {
  readonly tvr = new Uint8Array(5);
  readonly tsi = new Uint8Array(2);

  found(bit: TvrBit): void {
    setBit(this.tvr, TVR_BITS[bit]);
  }

  has(bit: TvrBit): boolean {
    const [byte, position] = TVR_BITS[bit];
    return ((this.tvr[byte - 1] ?? 0) & (1 << (position - 1))) !== 0;
  }

  performed(bit: TsiBit): void {
    setBit(this.tsi, TSI_BITS[bit]);
  }
}

function setBit(bytes: Uint8Array, [byte, bit]: readonly [byte: number, bit: number]): void {
  bytes[byte - 1] = (bytes[byte - 1] ?? 0) | (1 << (bit - 1));
}

/** Whether two bit strings have a bit in common: a result that an action code asks about. */
export function haveCommonBit(a: Uint8Array, b: Uint8Array): boolean {
  return a.some((byte, index) => (byte & (b[index] ?? 0)) !== 0);
}
