export type JournalFaultCode =
  | 'journal_not_opened'
  | 'journal_key_wrong'
  | 'journal_format_unknown'
  | 'journal_not_read'
  | 'journal_write_failed'
  | 'journal_full'
  | 'journal_closed';

/** The journal cannot keep its promise. The gate that meets it stays shut; the message is the code and holds no data. */
export class JournalFault extends Error {
  override readonly name = 'JournalFault';
  readonly code: JournalFaultCode;

  constructor(code: JournalFaultCode, options?: ErrorOptions) {
    super(code, options);
    this.code = code;
  }
}
