import type { IsoDate, PanToken } from '@tapgate/sdk/wire/identifiers';
import { isIsoDate, isoDate } from '@tapgate/sdk/wire/identifiers';
import { and, asc, eq, isNull } from 'drizzle-orm';
import type { EnrolmentTerms } from '../concessions/decide-enrolment.ts';
import { UNKNOWN_HOLDER, type PersonFacts } from '../concessions/holder-facts.ts';
import { byteas } from './array-parameters.ts';
import { bytesOfToken, tokenOfBytes } from './pan-token-bytes.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { Database, Transaction } from './connection.ts';
import { concessionEnrolment, concessionEvent } from './schema/reference.ts';
import { faultsTranslated } from './store-fault.ts';

/** A card's right to a rider category, as the desk wrote it down. Dates are calendar dates of the operator. */
export type CardEnrolment = {
  readonly enrolmentId: string;
  readonly panToken: PanToken;
  readonly psn: number;
  readonly category: string;
  readonly evidenceKind: string;
  /** sealed in the database: only what the category's rules ask for */
  readonly person: PersonFacts;
  readonly validFrom: IsoDate;
  /** last day */
  readonly validTo: IsoDate | null;
  /** last day on which the evidence holds without a review */
  readonly reviewDueOn: IsoDate | null;
  readonly revokedAtMs: number | null;
};

/** Who does something to the register, and when by the gateway's clock. */
export type DeskAct = { readonly atMs: number; readonly byLabel: string };

const TEXT = { encode: (text: string) => new TextEncoder().encode(text), decode: new TextDecoder() };

/** Sealed data open only for the card that they were sealed for. The first rows held a birth date alone, hence the name. */
const personContext = (token: PanToken, psn: number): string => `birth-date|${token}|${psn}`;
const panContext = (token: PanToken): string => `enrolled-pan|${token}`;

/**
 * Writes an enrolment and its event; one that is there already (same card, category and first day) takes the new values and is in
 * force again if it was revoked.
 *
 * @returns its id
 */
export async function writeEnrolment(
  database: Database,
  keys: KeyProvider,
  enrolment: { readonly pan: string; readonly psn: number; readonly terms: EnrolmentTerms },
  act: DeskAct,
): Promise<string> {
  const { pan, psn, terms } = enrolment;
  const { category, evidenceKind, validFrom, validTo, reviewDueOn } = terms;
  const token = keys.panToken(pan);
  const values = {
    evidenceKind,
    personSealed: sealPerson(keys, terms.person, personContext(token, psn)),
    panSealed: keys.seal(TEXT.encode(pan), panContext(token)),
    validTo,
    reviewDueOn,
    revokedAt: null,
  };
  const key = { panToken: bytesOfToken(token), psn, category, validFrom };
  return faultsTranslated(() =>
    database.orm.transaction(async (transaction) => {
      const [made] = await transaction
        .insert(concessionEnrolment)
        .values({ ...key, ...values })
        .onConflictDoNothing()
        .returning({ enrolmentId: concessionEnrolment.enrolmentId });
      const [changed] =
        made === undefined
          ? await transaction
              .update(concessionEnrolment)
              .set(values)
              .where(
                and(
                  eq(concessionEnrolment.panToken, key.panToken),
                  eq(concessionEnrolment.psn, psn),
                  eq(concessionEnrolment.category, category),
                  eq(concessionEnrolment.validFrom, validFrom),
                ),
              )
              .returning({ enrolmentId: concessionEnrolment.enrolmentId })
          : [made];
      if (changed === undefined) throw new RangeError('an enrolment that was just written is there');
      await transaction.insert(concessionEvent).values({
        enrolmentId: changed.enrolmentId,
        kind: made === undefined ? 'enrolled_again' : 'enrolled',
        at: new Date(act.atMs),
        byLabel: act.byLabel,
        details: { evidenceKind, validFrom, validTo, reviewDueOn },
      });
      return changed.enrolmentId;
    }),
  );
}

export type DeskOutcome = 'done' | 'not_found' | 'revoked';

/** Moves the date of the next review. @returns revoked where the enrolment was ended before: it is enrolled anew, not reviewed */
export async function reviewEnrolment(
  database: Database,
  enrolmentId: string,
  reviewDueOn: IsoDate,
  act: DeskAct,
): Promise<DeskOutcome> {
  return changeEnrolment(database, enrolmentId, act, {
    kind: 'reviewed',
    set: { reviewDueOn },
    details: { reviewDueOn },
    whenRevoked: 'revoked',
  });
}

/** Ends an enrolment at the act's instant. Ending it again changes nothing. */
export async function revokeEnrolment(
  database: Database,
  enrolmentId: string,
  reason: string,
  act: DeskAct,
): Promise<DeskOutcome> {
  return changeEnrolment(database, enrolmentId, act, {
    kind: 'revoked',
    set: { revokedAt: new Date(act.atMs) },
    details: { reason },
    whenRevoked: 'done',
  });
}

async function changeEnrolment(
  database: Database,
  enrolmentId: string,
  act: DeskAct,
  change: {
    readonly kind: string;
    readonly set: { readonly reviewDueOn: IsoDate } | { readonly revokedAt: Date };
    readonly details: Readonly<Record<string, string>>;
    readonly whenRevoked: DeskOutcome;
  },
): Promise<DeskOutcome> {
  return faultsTranslated(() =>
    database.orm.transaction(async (transaction) => {
      const changed = await transaction
        .update(concessionEnrolment)
        .set(change.set)
        .where(and(eq(concessionEnrolment.enrolmentId, enrolmentId), isNull(concessionEnrolment.revokedAt)))
        .returning({ enrolmentId: concessionEnrolment.enrolmentId });
      if (changed.length > 0) {
        await transaction.insert(concessionEvent).values({
          enrolmentId,
          kind: change.kind,
          at: new Date(act.atMs),
          byLabel: act.byLabel,
          details: change.details,
        });
        return 'done';
      }
      const known = await transaction
        .select({ enrolmentId: concessionEnrolment.enrolmentId })
        .from(concessionEnrolment)
        .where(eq(concessionEnrolment.enrolmentId, enrolmentId));
      return known.length === 0 ? 'not_found' : change.whenRevoked;
    }),
  );
}

type EnrolmentRow = {
  readonly enrolment_id: string;
  readonly pan_token: Buffer;
  readonly psn: number;
  readonly category: string;
  readonly evidence_kind: string;
  readonly person_sealed: Buffer | null;
  readonly valid_from: string;
  readonly valid_to: string | null;
  readonly review_due_on: string | null;
  readonly revoked_at: Date | null;
};

/** The enrolments of these cards, persons opened: they are in memory for as long as a fare is being found. */
export async function readEnrolments(
  transaction: Transaction,
  keys: KeyProvider,
  cards: readonly { readonly panToken: PanToken; readonly psn: number }[],
): Promise<CardEnrolment[]> {
  const rows = await transaction<EnrolmentRow[]>`
    select e.enrolment_id, e.pan_token, e.psn, e.category, e.evidence_kind, e.person_sealed, e.valid_from::text,
      e.valid_to::text, e.review_due_on::text, e.revoked_at
    from unnest(
      ${byteas(
        transaction,
        cards.map((card) => bytesOfToken(card.panToken)),
      )},
      ${cards.map((card) => card.psn)}::smallint[]) as k (pan_token, psn)
    join concession_enrolment e on e.pan_token = k.pan_token and e.psn = k.psn
    order by e.pan_token, e.psn, e.category, e.valid_from`;
  return rows.map((row) => {
    const token = tokenOfBytes(row.pan_token);
    return {
      enrolmentId: row.enrolment_id,
      panToken: token,
      psn: row.psn,
      category: row.category,
      evidenceKind: row.evidence_kind,
      person: openPerson(keys, row.person_sealed, personContext(token, row.psn)),
      validFrom: isoDate(row.valid_from),
      validTo: dateOrNull(row.valid_to),
      reviewDueOn: dateOrNull(row.review_due_on),
      revokedAtMs: row.revoked_at === null ? null : row.revoked_at.getTime(),
    };
  });
}

/** What an operator sees of an enrolment: no fact about the person, only which are kept. */
export type EnrolmentHistory = {
  readonly enrolment: Omit<CardEnrolment, 'person'> & { readonly keeps: readonly string[] };
  readonly events: readonly {
    readonly kind: string;
    readonly atMs: number;
    readonly byLabel: string;
    readonly details: unknown;
  }[];
};

export async function findEnrolment(
  database: Database,
  keys: KeyProvider,
  enrolmentId: string,
): Promise<EnrolmentHistory | null> {
  return faultsTranslated(async () => {
    const [row] = await database.orm
      .select()
      .from(concessionEnrolment)
      .where(eq(concessionEnrolment.enrolmentId, enrolmentId));
    if (row === undefined) return null;
    const events = await database.orm
      .select()
      .from(concessionEvent)
      .where(eq(concessionEvent.enrolmentId, enrolmentId))
      .orderBy(asc(concessionEvent.eventNo));
    const token = tokenOfBytes(Buffer.from(row.panToken));
    const person = openPerson(keys, row.personSealed, personContext(token, row.psn));
    return {
      enrolment: {
        enrolmentId,
        panToken: token,
        psn: row.psn,
        category: row.category,
        evidenceKind: row.evidenceKind,
        validFrom: isoDate(row.validFrom),
        validTo: dateOrNull(row.validTo),
        reviewDueOn: dateOrNull(row.reviewDueOn),
        revokedAtMs: row.revokedAt?.getTime() ?? null,
        keeps: Object.entries(person)
          .filter(([, fact]) => (Array.isArray(fact) ? fact.length > 0 : fact !== null))
          .map(([name]) => name),
      },
      events: events.map(({ kind, at, byLabel, details }) => ({
        ...{ kind, byLabel, details },
        atMs: at.getTime(),
      })),
    };
  });
}

/** The ids of a card's enrolments, oldest first; the card is named by its token. */
export async function listEnrolmentIds(
  database: Database,
  card: { readonly panToken: PanToken; readonly psn: number },
): Promise<string[]> {
  const rows = await faultsTranslated(() =>
    database.orm
      .select({ enrolmentId: concessionEnrolment.enrolmentId })
      .from(concessionEnrolment)
      .where(
        and(
          eq(concessionEnrolment.panToken, bytesOfToken(card.panToken)),
          eq(concessionEnrolment.psn, card.psn),
        ),
      )
      .orderBy(asc(concessionEnrolment.validFrom), asc(concessionEnrolment.category)),
  );
  return rows.map((row) => row.enrolmentId);
}

/** One right that holds on a day: what a validators' list is made of. The PAN is clear: it leaves memory only as a keyed hash. */
export type ActiveEnrolment = {
  readonly pan: string;
  readonly psn: number;
  readonly category: string;
  /** last day on which it holds without another act of a desk; null = open */
  readonly lastDay: IsoDate | null;
};

const PIECE_ROWS = 1_000;

/** Streams the enrolments whose evidence is valid on a day, in pieces, in the order of the cards' tokens. @throws StoreFault */
export async function* streamActiveEnrolments(
  database: Database,
  keys: KeyProvider,
  at: { readonly date: IsoDate; readonly atMs: number },
): AsyncGenerator<readonly ActiveEnrolment[]> {
  const cursor = database.hot<
    { pan_token: Buffer; pan_sealed: Buffer; psn: number; category: string; last_day: string | null }[]
  >`
    select pan_token, pan_sealed, psn, category, least(valid_to, review_due_on)::text as last_day
    from concession_enrolment
    where pan_sealed is not null and valid_from <= ${at.date} and (valid_to is null or valid_to >= ${at.date})
      and (review_due_on is null or review_due_on >= ${at.date})
      and (revoked_at is null or revoked_at > ${new Date(at.atMs)})
    order by pan_token, psn, category, valid_from`
    .cursor(PIECE_ROWS)
    [Symbol.asyncIterator]();
  for (;;) {
    const piece = await faultsTranslated(() => cursor.next());
    if (piece.done === true) return;
    yield piece.value.map((row) => ({
      pan: TEXT.decode.decode(keys.open(row.pan_sealed, panContext(tokenOfBytes(row.pan_token)))),
      psn: row.psn,
      category: row.category,
      lastDay: dateOrNull(row.last_day),
    }));
  }
}

/** Written with short names, and only what is known. */
function sealPerson(keys: KeyProvider, person: PersonFacts, context: string): Uint8Array | null {
  const { birthDate, residence, school, statuses } = person;
  if (birthDate === null && residence === null && school === null && statuses.length === 0) return null;
  return keys.seal(TEXT.encode(JSON.stringify({ birthDate, residence, school, statuses })), context);
}

function openPerson(keys: KeyProvider, sealed: Uint8Array | null, context: string): PersonFacts {
  if (sealed === null) return UNKNOWN_HOLDER.person;
  const text = TEXT.decode.decode(keys.open(sealed, context));
  if (isIsoDate(text)) return { ...UNKNOWN_HOLDER.person, birthDate: text };
  return { ...UNKNOWN_HOLDER.person, ...(JSON.parse(text) as Partial<PersonFacts>) };
}

/** The enrolments of these cards outside any transaction of the caller's. @throws StoreFault */
export function loadEnrolments(
  database: Database,
  keys: KeyProvider,
  cards: Parameters<typeof readEnrolments>[2],
): Promise<CardEnrolment[]> {
  return faultsTranslated(async () => {
    const read = await database.hot.begin(async (transaction) => ({
      enrolments: await readEnrolments(transaction, keys, cards),
    }));
    return read.enrolments;
  });
}

const dateOrNull = (text: string | null): IsoDate | null => (text === null ? null : isoDate(text));
