/** The phases of a contact transaction, in the order of EMV Book 3 section 10 (general knowledge; the reference has no clause). */
export const CONTACT_PHASES = [
  'application_selection',
  'initiate_application',
  'read_application_data',
  'data_authentication',
  'processing_restrictions',
  'cardholder_verification',
  'terminal_risk_management',
  'terminal_action_analysis',
  'card_action_analysis',
  'online_processing',
  'issuer_authentication',
  'script_processing',
  'completion',
] as const;
export type ContactPhase = (typeof CONTACT_PHASES)[number];

export type ContactTraceEntry = {
  readonly phase: ContactPhase;
  /** a constant word; no value of a card is ever in it */
  readonly finding: string;
  readonly statusWord?: string;
};
