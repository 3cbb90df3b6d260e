import type { SequenceRule } from '../batch-sequence.ts';

/**
 * What inspecting one file found. `null` where something is not judged: there is no schema, or it is no message of ours.
 */
export type Inspection = {
  /** e.g. 'cup-tc-526', 'pain.008.001.08'; null for a kind that is not known */
  readonly format: string | null;
  readonly schemaValid: boolean | null;
  readonly businessValid: boolean | null;
  readonly records: number;
  /** sums of the items in the smallest unit of each currency, in order of currency */
  readonly totals: readonly { readonly currency: string; readonly minor: number | bigint }[];
  /** in the order found, at most ERRORS_MAX; the last is errors_omitted where there were more */
  readonly errors: readonly InspectionError[];
};

export type InspectionError = {
  readonly code: InspectionCode;
  readonly line?: number;
  readonly byteOffset?: number;
  readonly xpath?: string;
};

/** Judges one format, fed with its bytes in pieces of any size. */
export type FormatReader = {
  push(bytes: Uint8Array): void;
  /** true when nothing that follows can change the verdict: the rest need not be read */
  readonly stopped: boolean;
  end(): Inspection;
};

/** What a party expects, under `inspect --profile`. */
export type ExpectedParty = {
  readonly party: string;
  readonly cnapsCode: string | null;
  readonly bic?: string | null;
  readonly institutionId: string;
  /** the fixed lines of the party's file, with fields of a template */
  readonly tc526: {
    readonly header: string;
    readonly trailer: string;
    /** how the bank marks a refund; null where it takes none */
    readonly refund?: { readonly transactionCode: string } | null;
  };
  readonly emptyFile: 'file' | 'manifest_only';
  readonly sequence: SequenceRule;
  readonly isBankingDay: (date: string) => boolean | null;
};

/**
 * Every way in which a file is refused, by what it is about. A code is either about the form (`schema`: schemaValid is false) or about
 * what the form carries (`business`).
 */
export const INSPECTION_CODES = {
  kind_unknown: { of: 'kind', text: 'The bytes are of no format that is known here.' },
  file_empty: { of: 'kind', text: 'The file has no bytes.' },
  file_unreadable: { of: 'kind', text: 'The file cannot be read.' },
  file_too_large: { of: 'schema', text: 'The file is larger than the bound of its format.' },
  errors_omitted: { of: 'note', text: 'There are more errors than are listed.' },

  truncated: { of: 'schema', text: 'The file ends in the middle.' },
  trailing_bytes: { of: 'schema', text: 'Something follows the end of the file.' },
  line_too_long: { of: 'schema', text: 'A line is longer than any of this format.' },
  line_malformed: { of: 'schema', text: 'A line does not have the fields of its kind.' },
  line_end_wrong: { of: 'schema', text: 'A line does not end as this format says.' },
  encoding_invalid: { of: 'schema', text: 'Bytes are not characters of the encoding of this format.' },
  field_not_digits: { of: 'schema', text: 'A field that holds digits holds something else.' },
  field_not_hex: { of: 'schema', text: 'A field that holds hex digits holds something else.' },
  field_not_padded: { of: 'schema', text: 'A field is not padded as this format says.' },
  field_value_invalid: { of: 'schema', text: 'A field has a value that this format does not know.' },
  date_invalid: { of: 'schema', text: 'A date or instant does not exist.' },
  item_number_wrong: { of: 'schema', text: 'Items do not count up by one.' },
  line_misplaced: { of: 'schema', text: 'A line stands where none of its kind may stand.' },
  edition_unsupported: { of: 'schema', text: 'The edition of the format is not one that is read here.' },

  xml_not_well_formed: { of: 'schema', text: 'The XML is not well formed.' },
  xml_doctype_refused: {
    of: 'schema',
    text: 'The XML has a document type, which could define entities: refused.',
  },
  xml_too_deep: { of: 'schema', text: 'Elements are nested deeper than any message nests them.' },
  xml_text_too_long: { of: 'schema', text: 'A text or attribute is longer than any message has.' },
  schema_invalid: { of: 'schema', text: 'The message does not validate against its schema.' },
  element_unexpected: { of: 'schema', text: 'An element stands where the message has none of that name.' },
  element_missing: { of: 'schema', text: 'An element that the message must have is not there.' },
  element_repeated: { of: 'schema', text: 'An element occurs more often than it may.' },
  attribute_missing: { of: 'schema', text: 'An attribute that the element must have is not there.' },
  attribute_unexpected: { of: 'schema', text: 'An attribute that the element does not have.' },
  text_unexpected: { of: 'schema', text: 'Text stands between elements.' },
  value_invalid: { of: 'schema', text: 'A value does not have the form of its type.' },

  encoding_not_utf8: { of: 'business', text: 'The file declares or uses another encoding than UTF-8.' },
  message_version_unsupported: {
    of: 'business',
    text: 'The message is of a version that nobody here has agreed to exchange.',
  },
  count_wrong: { of: 'business', text: 'A count differs from what it counts.' },
  sum_wrong: { of: 'business', text: 'A sum differs from what it sums up.' },
  sum_over_currencies: { of: 'business', text: 'One sum is over amounts of several currencies.' },
  balance_wrong: { of: 'business', text: 'The closing balance is not the opening balance and the entries.' },
  end_to_end_id_repeated: { of: 'business', text: 'An EndToEndId occurs twice.' },
  id_repeated: { of: 'business', text: 'An identification that must be unique occurs twice.' },
  amount_zero: { of: 'business', text: 'An amount is zero.' },
  amount_decimals: { of: 'business', text: 'An amount has more decimals than its currency.' },
  collection_before_creation: {
    of: 'business',
    text: 'The collection is requested for a date before the message was made.',
  },
  cnaps_check_digit_wrong: { of: 'business', text: 'The check digit of a CNAPS code is wrong.' },
  no_records: { of: 'business', text: 'The file has no records, and its party takes no empty file.' },
  amounts_differ: { of: 'business', text: 'The amount is not the one that the card signed.' },
  file_missing: { of: 'business', text: 'The file that a manifest names is not beside it.' },
  file_hash_wrong: { of: 'business', text: 'The file is not the one that the manifest describes.' },
  signature_missing: { of: 'business', text: 'The signature that belongs to a manifest is not beside it.' },
  signature_wrong: { of: 'business', text: 'The signature of a manifest does not verify.' },
  sequence_gap: { of: 'business', text: 'A sequence number before this one is missing.' },
  chain_broken: { of: 'business', text: "The manifest does not name its party's manifest before it." },
  presentment_repeated: { of: 'business', text: 'An act of a card occurs twice.' },
  times_reversed: { of: 'business', text: 'The first tap is after the last.' },
  adjustment_arithmetic_wrong: {
    of: 'business',
    text: 'The difference of an adjustment is not what is owed after it less what was owed before it.',
  },
  adjustment_zero: { of: 'business', text: 'An adjustment changes nothing.' },
  adjustment_beyond_original: {
    of: 'business',
    text: 'An adjustment gives back more than was charged.',
  },
  adjustment_out_of_turn: {
    of: 'business',
    text: 'An adjustment does not begin where the one before it of the same ride ended, or its ride is in a later file.',
  },
  adjustment_reason_unknown: {
    of: 'business',
    text: 'An adjustment has a reason that nobody here agreed on.',
  },
  claim_arithmetic_wrong: { of: 'business', text: 'The shortfall is not the list fare less the fare.' },
  currency_not_of_profile: { of: 'business', text: 'A currency is not the one of the profile.' },
  bank_not_of_profile: { of: 'business', text: 'A bank is not the one of the profile.' },
  header_not_of_profile: { of: 'business', text: 'Header or trailer is not the one of the profile.' },
  not_a_banking_day: { of: 'business', text: 'The collection date is no banking day.' },
} as const satisfies Record<
  string,
  { readonly of: 'kind' | 'schema' | 'business' | 'note'; readonly text: string }
>;

export type InspectionCode = keyof typeof INSPECTION_CODES;

/** One broken program writes the same mistake a million times. */
export const ERRORS_MAX = 100;
const HOPELESS_ERRORS = 10_000;

/** Collects errors and derives the two verdicts from what they are about. */
export class Findings {
  readonly #errors: InspectionError[] = [];
  #omitted = false;
  #schemaErrors = 0;
  #businessBroken = false;

  add(code: InspectionCode, place: Omit<InspectionError, 'code'> = {}): void {
    const about = INSPECTION_CODES[code].of;
    if (about === 'schema' || about === 'kind') this.#schemaErrors += 1;
    if (about === 'business') this.#businessBroken = true;
    if (this.#errors.length < ERRORS_MAX) this.#errors.push({ code, ...place });
    else this.#omitted = true;
  }

  /** true when the form was broken so often that the rest is not worth reading */
  get hopeless(): boolean {
    return this.#schemaErrors >= HOPELESS_ERRORS;
  }

  get schemaBroken(): boolean {
    return this.#schemaErrors > 0;
  }

  get businessBroken(): boolean {
    return this.#businessBroken;
  }

  get errors(): readonly InspectionError[] {
    return this.#omitted ? [...this.#errors, { code: 'errors_omitted' }] : this.#errors;
  }
}
