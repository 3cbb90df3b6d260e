import type { BatchIdentity } from '../clearing/clearing-batch.ts';
import { StoreFault, type StoreFaultCode } from '../store/store-fault.ts';
import { ClearingFault, type ClearingFaultCode } from './closing.ts';

/** A fault as it passes from one thread to another, where an error would lose its class and its fields. */
export type TravellingFault =
  | {
      readonly of: 'store';
      readonly code: StoreFaultCode;
      readonly sqlState: string | null;
      readonly constraint: string | null;
    }
  | { readonly of: 'clearing'; readonly code: ClearingFaultCode }
  /** what the batch is made of, or its profile, cannot be written */
  | { readonly of: 'range'; readonly text: string }
  | { readonly of: 'program'; readonly text: string };

export function packFault(fault: unknown): TravellingFault {
  if (fault instanceof StoreFault) {
    const { code, sqlState, constraint } = fault;
    return { of: 'store', code, sqlState, constraint };
  }
  if (fault instanceof ClearingFault) return { of: 'clearing', code: fault.code };
  if (fault instanceof RangeError) return { of: 'range', text: fault.message };
  return {
    of: 'program',
    text: fault instanceof Error ? fault.message : 'something that is no error was thrown',
  };
}

/** The error that was packed, for the batch that was being made. */
export function unpackFault(fault: TravellingFault, batch: BatchIdentity): Error {
  switch (fault.of) {
    case 'store':
      return new StoreFault(fault.code, fault.sqlState, fault.constraint);
    case 'clearing':
      return new ClearingFault(fault.code, batch);
    case 'range':
      return new RangeError(fault.text);
    case 'program':
      return new Error(fault.text);
  }
}
