import { createWriteStream, readFileSync, type WriteStream } from 'node:fs';

// Prepared requests in a file, so that many processes send the same ones without making them: for each record its terminal, the
// bearer token of that terminal, and the record.
//
//   length 4 | terminal id 8 | token length 2 | token | record

export type PreparedRecord = {
  readonly terminalId: string;
  readonly token: string;
  readonly record: Uint8Array;
};

export function packRecord({ terminalId, token, record }: PreparedRecord): Uint8Array {
  const tokenBytes = Buffer.from(token, 'latin1');
  const packed = Buffer.alloc(4 + 8 + 2 + tokenBytes.length + record.length);
  packed.writeUInt32BE(packed.length - 4);
  packed.write(terminalId, 4, 'latin1');
  packed.writeUInt16BE(tokenBytes.length, 12);
  tokenBytes.copy(packed, 14);
  packed.set(record, 14 + tokenBytes.length);
  return packed;
}

export function readRecordFile(file: string): PreparedRecord[] {
  const bytes = readFileSync(file);
  const records: PreparedRecord[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readUInt32BE(at);
    const tokenEnd = at + 14 + bytes.readUInt16BE(at + 12);
    records.push({
      terminalId: bytes.toString('latin1', at + 4, at + 12),
      token: bytes.toString('latin1', at + 14, tokenEnd),
      record: bytes.subarray(tokenEnd, end),
    });
    at = end;
  }
  return records;
}

export function openRecordFile(file: string): {
  write: (record: PreparedRecord) => void;
  close: () => Promise<void>;
} {
  const stream: WriteStream = createWriteStream(file);
  return {
    write: (record) => stream.write(packRecord(record)),
    close: () =>
      new Promise((resolve, reject) => {
        stream.once('error', reject);
        stream.end(resolve);
      }),
  };
}
