import {
  parseTUnionBalance,
  parseTUnionCardData,
  parseTUnionRide,
  parseTUnionTransaction,
} from '../../emv/tunion-records.ts';
import { computed, hexAt, unsupported, type VectorFormat } from './vector-case.ts';

const KINDS: ReadonlySet<unknown> = new Set(['balance', 'sfi15', 'sfi18', 'sfi1e']);

export const tunionVectors: VectorFormat = {
  name: 'T-Union record',
  recognises: (vector) =>
    KINDS.has(vector['kind']) ||
    typeof vector['record_hex'] === 'string' ||
    typeof vector['response_hex'] === 'string',
  judge(vector) {
    switch (vector['kind']) {
      case 'balance':
        return computed(vector, { balance_fen: parseTUnionBalance(hexAt(vector, 'response_hex')) });
      case 'sfi15': {
        const slot = parseTUnionCardData(hexAt(vector, 'record_hex'));
        const data = slot === 'empty' ? null : slot;
        return computed(vector, {
          empty: slot === 'empty',
          issuer: data?.issuer,
          app_version: data?.version,
          card_no: data?.cardNumber,
          issued: data?.issued,
          valid_until: data?.validUntil,
        });
      }
      case 'sfi18': {
        const slot = parseTUnionTransaction(hexAt(vector, 'record_hex'));
        const transaction = slot === 'empty' ? null : slot;
        return computed(vector, {
          empty: slot === 'empty',
          sequence: transaction?.sequence,
          overdraft_fen: transaction?.overdraftFen,
          amount_fen: transaction?.amountFen,
          type: transaction?.type,
          terminal: transaction?.terminal,
          datetime: transaction?.datetime,
        });
      }
      case 'sfi1e': {
        const slot = parseTUnionRide(hexAt(vector, 'record_hex'));
        const ride = slot === 'empty' ? null : slot;
        return computed(vector, {
          empty: slot === 'empty',
          type: ride?.type,
          terminal: ride?.terminal,
          mode: ride?.mode,
          line_station: ride?.lineStation,
          amount_fen: ride?.amountFen,
          balance_fen: ride?.balanceFen,
          datetime: ride?.datetime,
          city: ride?.city,
          institution: ride?.institution,
        });
      }
      default:
        return unsupported('kind of T-Union record is not known');
    }
  },
};
