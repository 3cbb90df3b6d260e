import postgres from 'postgres';
import { letGoWhenSpent } from './spent-queries.ts';

// What postgres.js 3.4.9 does when a connection closes in the middle of a transaction: `begin` rejects, and then it sends ROLLBACK over
// the connection that is gone, from a timer, which throws where nobody can catch it and ends the process (porsager/postgres
// issues 1154 and 1208, open). So a transaction whose connection is lost must neither fail towards the library nor send
// anything more: whoever called `begin` has been told already.

type Work = (transaction: postgres.TransactionSql) => unknown;
type Begin = (options: string, work: Work) => Promise<unknown>;

/** Codes with which postgres.js and sockets say that a connection is gone. */
const GONE = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'ECONNRESET',
  'EPIPE',
]);

/** SQLSTATE 57P01 to 57P05: the server ends the session. */
const ENDED_BY_SERVER = '57P';

/** Makes the client's transactions outlive their connection quietly. @returns the same client */
export function guardTransactions<Client extends postgres.Sql<{ int8: number }> | postgres.Sql>(
  client: Client,
): Client {
  const begin: Begin = client.begin.bind(client);
  const guarded = async (first: string | Work, second?: Work): Promise<unknown> => {
    const [options, work] = typeof first === 'string' ? [first, second] : ['', first];
    if (work === undefined) throw new TypeError('a transaction has work to do');
    const session: Session = { isLost: false, work };
    try {
      return await beginSession(begin, options, session);
    } catch (error) {
      session.isLost = true;
      throw error;
    }
  };
  return Object.assign(client, { begin: guarded });
}

/** A transaction that stays open between statements of its owner, who must end it. */
export type HeldTransaction = {
  readonly transaction: postgres.TransactionSql;
  readonly isLost: () => boolean;
  /** @throws what the connection was lost by */
  readonly throwIfLost: () => void;
  /** Commits. @throws as throwIfLost, and when the commit fails */
  readonly end: () => Promise<void>;
};

/**
 * Opens a transaction on a connection of its own. In place of the library's `reserve`, whose session neither says that its connection is
 * lost nor bears a statement after that: the statement, or the release, ends the process.
 *
 * @param client one that guardTransactions made
 */
export function holdTransaction(
  client: postgres.Sql<{ int8: number }> | postgres.Sql,
  options: string,
): Promise<HeldTransaction> {
  const begin: Begin = client.begin.bind(client);
  return new Promise((resolve, reject) => {
    let lost: { readonly reason: unknown } | null = null;
    let finish: () => void = () => undefined;
    const asked = new Promise<void>((resolveAsked) => (finish = resolveAsked));
    const throwIfLost = (): void => {
      if (lost !== null) throw lost.reason;
    };
    const finished = begin(options, async (transaction) => {
      resolve({
        transaction,
        isLost: () => lost !== null,
        throwIfLost,
        end: async () => {
          finish();
          await finished;
        },
      });
      await asked;
    });
    finished.catch((reason: unknown) => {
      lost = { reason };
      reject(reason instanceof Error ? reason : new Error('a transaction could not begin'));
    });
  });
}

/** What postgres.js keeps of a transaction that is over (spent-queries.ts) reaches this, and so nothing that the work held. */
type Session = { isLost: boolean; work: Work | null };

function beginSession(begin: Begin, options: string, session: Session): Promise<unknown> {
  return begin(options, (transaction) => runGuarded(transaction, session));
}

async function runGuarded(transaction: postgres.TransactionSql, session: Session): Promise<unknown> {
  const { work } = session;
  session.work = null;
  if (work === null) throw new TypeError('a transaction has work to do');
  try {
    const result = await work(silencedWhenLost(transaction, session));
    return session.isLost ? await never() : result;
  } catch (error) {
    if (session.isLost || isGone(error)) return never();
    throw error;
  }
}

/** The transaction's client, which sends nothing once its connection is lost. */
function silencedWhenLost(
  transaction: postgres.TransactionSql,
  session: { readonly isLost: boolean },
): postgres.TransactionSql {
  const unlessLost = (send: (...given: unknown[]) => unknown): ((...given: unknown[]) => unknown) => {
    return (...given) => (session.isLost ? lostQuery() : letGoWhenSpent(send(...given)));
  };
  return new Proxy(transaction, {
    apply: (target, self, given: unknown[]): unknown =>
      unlessLost((...sent) => Reflect.apply(target, self, sent) as unknown)(...given),
    get: (target, name, self): unknown =>
      name === 'unsafe'
        ? unlessLost((...sent) => target.unsafe(...(sent as Parameters<typeof target.unsafe>)))
        : (Reflect.get(target, name, self) as unknown),
  });
}

/**
 * A query that fails as one that was sent does, when it is awaited: thrown while a list of queries is being put together, the fault
 * would leave those before it in the list with nobody to catch theirs, and that ends the process.
 */
function lostQuery(): Promise<never> {
  const query = Promise.reject(new Error('the connection of this transaction is lost'));
  query.catch(() => undefined);
  const same = (): Promise<never> => query;
  return Object.assign(query, { execute: same, simple: same, values: same, raw: same, cursor: rowsOfLost });
}

/** @yields nothing */
async function* rowsOfLost(): AsyncGenerator<never> {
  yield await lostQuery();
}

const never = (): Promise<never> => new Promise<never>(() => undefined);

function isGone(error: unknown): boolean {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof postgres.PostgresError) return cause.code.startsWith(ENDED_BY_SERVER);
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' && GONE.has(cause.code);
}
