import type { TapOutcome } from '@tapgate/sdk/wire/verdict';

/** What the store knows that bears on one tap, read for a whole batch at once. */
export type TapFacts = {
  /** the row of this delivery identity (terminal, sequence), when it was used before */
  readonly delivered: DeliveredTap | null;
  /** who reported this act of the card (panToken, PSN, ATC) first, when anybody did */
  readonly act: ReportedAct | null;
  /** the highest ATC seen of this card with good proof */
  readonly highestAtc: number | null;
  /** SM3 of the card certificate that verified before */
  readonly verifiedCertificateSm3: Uint8Array | null;
  /** stays of this card on the hotlist */
  readonly hotlistStays: readonly HotlistStay[];
  /** which versions of the list the terminal can have held at the tap; null where no stay asks for it */
  readonly hotlistBounds: HotlistBounds | null;
};

/** Of the versions that a record may name, the lowest and the highest that can be true. */
export type HotlistBounds = {
  /** the highest that the terminal had reported by then, or that was published before the age that is permitted */
  readonly floor: number;
  /** the newest that was published by then */
  readonly ceiling: number;
};

export type DeliveredTap = {
  readonly recordSm3: Uint8Array;
  readonly outcome: TapOutcome;
  readonly cause: string | null;
};

export type ReportedAct = {
  readonly terminalId: string;
  readonly tapSequence: number;
  readonly cryptogram: Uint8Array;
};

/** On the list in every version v with addedVersion <= v < removedVersion (null: still on it). */
export type HotlistStay = {
  readonly addedVersion: number;
  /** when the version that added it was published: the card could be known as stopped from then on */
  readonly addedAtMs: number;
  readonly removedVersion: number | null;
};

export const NO_FACTS: TapFacts = {
  delivered: null,
  act: null,
  highestAtc: null,
  verifiedCertificateSm3: null,
  hotlistStays: [],
  hotlistBounds: null,
};
