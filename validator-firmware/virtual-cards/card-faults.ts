/** What is wrong with a virtual card or with its holder's hand. Nothing, unless switched on. */
export type CardFaults = {
  /** the card leaves the field instead of answering this command, counted from 1 in each tap */
  readonly tornAtCommand?: number;
  /** the dynamic signature is made by another key than the one that is certified: a copied card */
  readonly forged?: boolean;
};

export const NO_FAULTS: CardFaults = {};
