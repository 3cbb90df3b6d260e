export type ListFaultCode =
  | 'lists_not_opened'
  | 'lists_key_wrong'
  | 'lists_not_read'
  | 'lists_closed'
  /** what came is not what its signed statement announced */
  | 'list_body_differs'
  /** the body is the announced one, and is not a list */
  | 'list_body_malformed'
  /** the list names cards under a key that this device was not given */
  | 'list_card_key_differs';

/** A list cannot be kept or brought in. The one in use stays in use; the message is the code and holds no data. */
export class ListFault extends Error {
  override readonly name = 'ListFault';
  readonly code: ListFaultCode;

  constructor(code: ListFaultCode, options?: ErrorOptions) {
    super(code, options);
    this.code = code;
  }
}
