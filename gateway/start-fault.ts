/**
 * Why the gateway, or one of its commands, cannot start: one code for machines, one line for people, no stack. Settings that
 * are wrong end the process with 2, everything else with 1.
 */
export type StartFaultCode =
  | 'settings_invalid'
  | 'data_dir_unusable'
  | 'data_dir_in_use'
  | 'data_file_invalid'
  | 'database_package_missing'
  | 'database_account_missing'
  | 'database_place_missing'
  | 'database_gone'
  | 'database_locked_out'
  | 'database_version_differs'
  | 'database_start_failed'
  | 'database_unreachable'
  | 'keystore_missing'
  | 'keystore_differs'
  | 'keystore_invalid'
  | 'keystore_passphrase_missing'
  | 'keystore_passphrase_wrong'
  | 'address_unusable';

export class StartFault extends Error {
  override readonly name = 'StartFault';
  readonly code: StartFaultCode;

  constructor(code: StartFaultCode, message: string) {
    super(message);
    this.code = code;
  }

  get exitCode(): 1 | 2 {
    return this.code === 'settings_invalid' ? 2 : 1;
  }
}

/** The one line that stands for a failed start. A fault of the operating system is named by its code, never by a stack. */
export function describeStartFault(error: unknown): string {
  if (error instanceof StartFault) return `${error.code}: ${error.message}`;
  if (error instanceof Error) return `start_failed: ${error.message.replaceAll('\n', '; ')}`;
  return 'start_failed';
}

/** The code of an operating system error (EACCES, EADDRINUSE, ...), or null for any other value. */
export function systemErrorCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}
