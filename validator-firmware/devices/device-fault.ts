export type DeviceFaultCode =
  | 'pcsc_library_absent'
  | 'reader_lost'
  | 'reader_closed'
  | 'hid_library_absent'
  | 'hid_device_absent'
  | 'hid_write_failed';

/** A device cannot do what it is for. The message is the code and holds no data. */
export class DeviceFault extends Error {
  override readonly name = 'DeviceFault';
  readonly code: DeviceFaultCode;

  constructor(code: DeviceFaultCode, options?: ErrorOptions) {
    super(code, options);
    this.code = code;
  }
}
