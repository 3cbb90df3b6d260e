import { OpenAPIHono } from '@hono/zod-openapi';
import { refuse } from '@tapgate/sdk/wire/refusals';
import type { ClearingProfiles } from './clearing/load-clearing-profiles.ts';
import { zoneClock } from './calendar/zone-clock.ts';
import { categoriesOf, type RuleBook } from './fares/rule-book.ts';
import { mountEnrolments, type EnrolmentCity } from './http/enrolment-routes.ts';
import { mountJourneys } from './http/journey-routes.ts';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { mountHotlist } from './http/hotlist-route.ts';
import { LiveTaps } from './http/live-taps.ts';
import { mountListRoutes } from './http/list-routes.ts';
import { mountTerminalRoutes } from './http/terminal-routes.ts';
import { ListMaker } from './lists/list-maker.ts';
import { TerminalWatch } from './terminals/terminal-watch.ts';
import { mountOperatorRoutes } from './http/operator-routes.ts';
import { TerminalSessions } from './http/bearer-token.ts';
import { PeerGone } from './http/node-exchange.ts';
import { RefusalTally } from './http/refusal-tally.ts';
import { refusalResponse, useRequestContext, type GatewayEnv } from './http/request-context.ts';
import { healthRoute, ROUTES } from './http/route-table.ts';
import { mountTapBatches } from './http/tap-batches.ts';
import { mountTapJudgements } from './http/tap-judgements.ts';
import { mountTaps } from './http/taps.ts';
import { mountTerminalSessions } from './http/terminal-sessions.ts';
import { Sm2Workers } from './ingest/sm2-workers.ts';
import { TapAuthority, type TapReference } from './ingest/tap-authority.ts';
import { TapIntake } from './intake/tap-intake.ts';
import { TapJudging } from './intake/tap-judging.ts';
import type { KeyProvider } from './keys/key-provider.ts';
import { isDatabaseReachable, type Database } from './store/connection.ts';
import { DataKeys } from './store/data-keys.ts';
import type { ReferenceData } from './store/reference-data.ts';
import { addRefusalCounts } from './store/refusal-counts.ts';

export type AppDependencies = {
  readonly database: Database;
  readonly keys: KeyProvider;
  readonly reference: TapReference & Pick<ReferenceData, 'operators'>;
  /** as it is now: rules may change while the gateway runs */
  readonly ruleBook: () => RuleBook;
  /** how each party wants its files: what a tap's history shows of them */
  readonly profiles: ClearingProfiles;
  /** the gateway's clock, ms since the Unix epoch */
  readonly clock: () => number;
  /** the demo operator is loaded: `Demo-Time` is honoured (ARCHITECTURE.md "The demo clock") */
  readonly demo: boolean;
  /** the issuer's own gateway: a cryptogram that verifies is proof enough */
  readonly issuerHosted?: boolean;
  /** worker threads for SM2; as many as there are cores when left out */
  readonly sm2Threads?: number;
  /** something is broken; what the peer sent is not in it */
  readonly onFault: (fault: unknown) => void;
};

export type GatewayApp = {
  readonly app: OpenAPIHono<GatewayEnv>;
  /** for the server in front, which answers a live tap without the app */
  readonly liveTaps: LiveTaps;
  readonly intake: TapIntake;
  readonly sm2Workers: Sm2Workers;
  /** refusals by code, terminal and day; for the server in front, which refuses too */
  readonly tally: RefusalTally;
  /** makes the lists that terminals take */
  readonly maker: ListMaker;
  /** after the server has stopped listening: writes what waits and ends the worker threads; the database is left open */
  stop(): Promise<void>;
};

const TALLY_FLUSH_MS = 1_000;
const HEALTH_TIMEOUT_MS = 1_000;

/** Puts the gateway together: its parts, its routes, its document. Nothing listens yet. */
export function createApp(dependencies: AppDependencies): GatewayApp {
  const { database, keys, reference, ruleBook, profiles, clock, demo, onFault } = dependencies;
  const authority = new TapAuthority(reference, keys);
  const sm2Workers = new Sm2Workers(dependencies.sm2Threads);
  const dataKeys = new DataKeys(database, keys);
  const tally = new RefusalTally((counts) => addRefusalCounts(database, counts));
  const intake = new TapIntake({
    database,
    authority,
    sm2Workers,
    dataKeys,
    monotonicMs: () => performance.now(),
    issuerHosted: dependencies.issuerHosted ?? false,
    onFault,
  });

  const app = new OpenAPIHono<GatewayEnv>();
  useRequestContext(app, { clock, demo });
  app.get(healthRoute.getRoutingPath(), async (context) => {
    const isReachable = await isDatabaseReachable(database, HEALTH_TIMEOUT_MS);
    return isReachable
      ? context.json({ status: 'ok', database: 'ok' })
      : context.json({ status: 'unavailable', database: 'unreachable' }, 503);
  });
  mountTerminalSessions(app, { keys, tally, sm2Workers, findPlacement: (id) => authority.findPlacement(id) });
  const sessions = new TerminalSessions(keys);
  mountTaps(app, { intake, sessions, tally });
  const judging = new TapJudging({
    database,
    authority,
    intake,
    monotonicMs: () => performance.now(),
    onFault,
  });
  mountTapJudgements(app, { judging, intake, sessions, tally });
  mountTapBatches(app, { intake, sessions, tally, database });
  mountOperatorRoutes(app, { database, keys, dataKeys, profiles, tally, intake });
  const maker = new ListMaker(database, keys);
  const terminals = new TerminalWatch(database, (found) => {
    authority.replaceTerminals(found);
  });
  const findPlacement = (id: TerminalId) => authority.findPlacement(id);
  const refreshTerminals = () => terminals.refresh();
  mountTerminalRoutes(app, { database, keys, sessions, tally, findPlacement, refreshTerminals });
  mountListRoutes(app, { database, keys, maker, sessions, findPlacement });
  mountHotlist(app, { database, keys, maker });
  mountEnrolments(app, { database, keys, city: enrolmentCity(reference, ruleBook) });
  mountJourneys(app, { database });
  describeRoutes(app);
  app.notFound((context) => refusalResponse(context, refuse('route_unknown')));
  app.onError((fault, context) => {
    if (!(fault instanceof PeerGone)) onFault(fault);
    return refusalResponse(context, refuse('gateway_unavailable'));
  });

  terminals.start(onFault);
  const flushing = setInterval(() => void tally.flush(), TALLY_FLUSH_MS);
  flushing.unref();
  return {
    app,
    liveTaps: new LiveTaps({ intake, sessions, tally, clock, demo, onFault }),
    intake,
    sm2Workers,
    tally,
    maker,
    stop: async () => {
      clearInterval(flushing);
      await terminals.stop();
      await tally.flush();
      await sm2Workers.stop();
    },
  };
}

/** The categories of the operators' cities; a desk's day is counted by the clock of the first operator. */
function enrolmentCity(
  { operators }: Pick<ReferenceData, 'operators'>,
  ruleBook: () => RuleBook,
): EnrolmentCity {
  const all = [...operators.values()];
  const jurisdictions = new Set(all.map((operator) => operator.jurisdiction));
  return {
    categoriesOf: (categoryId) => categoriesOf(ruleBook(), jurisdictions, categoryId),
    clock: zoneClock(all[0]?.timeZone ?? 'UTC'),
  };
}

/** The OpenAPI document, and for each path an answer to the methods that it has not. */
function describeRoutes(app: OpenAPIHono<GatewayEnv>): void {
  const { openAPIRegistry } = app;
  openAPIRegistry.registerComponent('securitySchemes', 'terminalSession', { type: 'http', scheme: 'bearer' });
  openAPIRegistry.registerComponent('securitySchemes', 'operatorToken', { type: 'http', scheme: 'bearer' });
  for (const route of ROUTES) openAPIRegistry.registerPath(route);
  app.doc31('/openapi.json', { openapi: '3.1.0', info: { title: 'TapGate', version: '0.1.0' } });
  for (const path of new Set([...ROUTES.map((route) => route.getRoutingPath()), '/openapi.json']))
    app.all(path, (context) => refusalResponse(context, refuse('method_not_allowed')));
}
