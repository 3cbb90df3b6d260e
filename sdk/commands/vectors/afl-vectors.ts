import { parseAfl, readRecordCommand } from '../../emv/afl.ts';
import { hex } from '../../emv/hex.ts';
import { computed, hexAt, type VectorFormat } from './vector-case.ts';

export const aflVectors: VectorFormat = {
  name: 'application file locator',
  recognises: (vector) => typeof vector['afl_94'] === 'string',
  judge(vector) {
    const afl = parseAfl(hexAt(vector, 'afl_94'));
    const records = afl.ok ? afl.records : [];
    return computed(vector, {
      ok: afl.ok,
      read_record_commands: records.map(({ sfi, record }) => hex(readRecordCommand(sfi, record))),
      offline_auth_records: records
        .filter(({ offlineAuth }) => offlineAuth)
        .map(({ sfi, record, contentOnly }) => ({ sfi, record, content_only: contentOnly })),
    });
  },
};
