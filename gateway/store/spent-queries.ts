// A query of postgres.js 3.4.9 that has been answered stays in memory until the next collection of the old generation, with all that was
// sent in it and all that waits for it. Its constructor says `this.resolve = x => ...`: V8 takes a function that is assigned
// to a property for one that lives long and puts it into the old generation at once (ParserBase::CheckAssigningFunctionLiteralToProperty,
// set_pretenure), and what hangs on something old survives every collection of the young. Of a gateway at half its peak this
// was nearly half of what the old generation grew by (bench/README.md).

type Settle = (value: unknown) => void;

/** What a query of postgres.js keeps beside what its types tell. */
type KeptByQuery = {
  args: unknown;
  parameters?: unknown;
  resolve: Settle;
  reject: Settle;
  toSettle?: { readonly resolve: Settle; readonly reject: Settle };
};

/**
 * Lets go of what was sent in a query as soon as it is answered or has failed; its answer stays with who asked. What is no query of postgres.js, such
 * as a piece of one, is left alone.
 *
 * @returns the same query
 */
export function letGoWhenSpent<Query>(query: Query): Query {
  if (isQuery(query)) {
    const { resolve, reject } = query;
    // Assigned as values that exist, and not written out here, which would make two old functions more.
    Object.assign(query, { toSettle: { resolve, reject }, ...LETTING_GO });
  }
  return query;
}

/** The same for every statement that is given to the client as text. @returns the same client */
export function letGoOfSpentQueries<Client extends { unsafe: (...given: never[]) => unknown }>(
  client: Client,
): Client {
  const unsafe = client.unsafe.bind(client) as (...given: unknown[]) => unknown;
  return Object.assign(client, { unsafe: (...given: unknown[]) => letGoWhenSpent(unsafe(...given)) });
}

const isQuery = (query: unknown): query is KeptByQuery =>
  query instanceof Promise && 'args' in query && 'resolve' in query && 'reject' in query;

const LETTING_GO = {
  resolve(this: KeptByQuery, answer: unknown): void {
    letGo(this);
    this.toSettle?.resolve(answer);
  },
  reject(this: KeptByQuery, reason: unknown): void {
    letGo(this);
    this.toSettle?.reject(reason);
  },
};

function letGo(query: KeptByQuery): void {
  query.args = null;
  query.parameters = null;
}
