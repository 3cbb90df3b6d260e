import { DrizzleQueryError } from 'drizzle-orm/errors';
import postgres from 'postgres';

/**
 * - unavailable: the database cannot be reached, is starting, stopping, or out of connections: try again later
 * - conflict: another transaction was there first (unique violation, deadlock, serialization): decide again
 * - refused: a constraint or trigger of the database said no
 * - failed: everything else
 */
export type StoreFaultCode = 'unavailable' | 'conflict' | 'refused' | 'failed';

/**
 * What every function of store/ throws when the database lets it down. It carries the SQLSTATE and the name of the constraint
 * and nothing else: the errors of drizzle and postgres quote statements and bound parameters, and a bound parameter may be a
 * ciphertext, a card's token or a person's date of birth.
 */
export class StoreFault extends Error {
  override readonly name = 'StoreFault';
  readonly code: StoreFaultCode;
  readonly sqlState: string | null;
  readonly constraint: string | null;

  constructor(code: StoreFaultCode, sqlState: string | null, constraint: string | null) {
    super(
      `database ${code}${sqlState === null ? '' : ` (${sqlState})`}${constraint === null ? '' : `: ${constraint}`}`,
    );
    this.code = code;
    this.sqlState = sqlState;
    this.constraint = constraint;
  }
}

/** Runs a query or transaction and lets only StoreFault, or what the caller itself threw, come out. */
export async function faultsTranslated<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    throw asStoreFault(error);
  }
}

/** Codes of postgres.js and of sockets that mean: there is no database at the other end. */
const UNREACHABLE = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ENOENT',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** An error that is not of the database (a mistake of the program) comes back as it is. */
function asStoreFault(error: unknown): unknown {
  if (error instanceof StoreFault) return error;
  const cause = error instanceof DrizzleQueryError ? error.cause : error;
  if (cause instanceof postgres.PostgresError) {
    return new StoreFault(codeOfSqlState(cause.code), cause.code, cause.constraint_name ?? null);
  }
  const code =
    cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : null;
  if (code !== null && UNREACHABLE.has(code)) return new StoreFault('unavailable', null, null);
  if (error instanceof DrizzleQueryError) return new StoreFault('failed', null, null);
  return error;
}

/** SQLSTATE classes of PostgreSQL's appendix A. */
function codeOfSqlState(sqlState: string): StoreFaultCode {
  if (sqlState === '23505' || sqlState === '40P01' || sqlState === '40001') return 'conflict';
  if (sqlState.startsWith('23')) return 'refused';
  if (sqlState.startsWith('08') || sqlState.startsWith('57P') || sqlState.startsWith('53'))
    return 'unavailable';
  return 'failed';
}
