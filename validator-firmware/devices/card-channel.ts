/**
 * A card in the field, behind whatever reader. `null` means that the card has left; a reader that is itself broken rejects.
 */
export interface CardChannel {
  transmit(command: Uint8Array): Promise<Uint8Array | null>;
}
