/** SELECT by name: 00 A4 04 00 Lc name 00 (pboc-contactless.md 2.2 rows 1 and 2). */
export function selectCommand(name: Uint8Array): Uint8Array {
  const command = new Uint8Array(6 + name.length);
  command.set([0x00, 0xa4, 0x04, 0x00, name.length]);
  command.set(name, 5);
  return command;
}

/** The PDOL data that still fits a short command with its template 83. */
export const PDOL_DATA_BYTES_MAX = 252;

/**
 * GET PROCESSING OPTIONS: 80 A8 00 00 Lc 83 L data 00. From 128 bytes of data L takes two bytes, 81 and the length
 * (pboc-contactless.md 2.4).
 */
export function processingOptionsCommand(pdolData: Uint8Array): Uint8Array {
  const { length } = pdolData;
  const template = length < 0x80 ? [0x83, length] : [0x83, 0x81, length];
  const templateBytes = template.length + length;
  const command = new Uint8Array(6 + templateBytes);
  command.set([0x80, 0xa8, 0x00, 0x00, templateBytes, ...template]);
  command.set(pdolData, 5 + template.length);
  return command;
}
