import type { IsoDate, PanToken } from '@tapgate/sdk/wire/identifiers';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { byteas } from './array-parameters.ts';
import { tokenOfBytes, bytesOfToken } from './pan-token-bytes.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import type { Database, Transaction } from './connection.ts';
import { concessionEnrolment } from './schema/reference.ts';
import { faultsTranslated } from './store-fault.ts';

/** A card's right to a rider category, as the desk wrote it down. Dates are calendar dates of the operator. */
export type CardEnrolment = {
  readonly panToken: PanToken;
  readonly psn: number;
  readonly category: string;
  readonly evidenceKind: string;
  /** sealed in the database; null where the category does not ask for it */
  readonly birthDate: IsoDate | null;
  readonly validFrom: IsoDate;
  /** last day */
  readonly validTo: IsoDate | null;
  /** last day on which the evidence holds without a review */
  readonly reviewDueOn: IsoDate | null;
  /** first day on which it holds no more */
  readonly revokedOn: IsoDate | null;
};

const TEXT = { encode: (text: string) => new TextEncoder().encode(text), decode: new TextDecoder() };

/** A sealed birth date opens only for the card that it was sealed for. */
const sealContext = (token: PanToken, psn: number): string => `birth-date|${token}|${psn}`;

/** Writes enrolments; one that is there already (same card, category and first day) takes the new values. */
export async function writeEnrolments(
  database: Database,
  keys: KeyProvider,
  enrolments: readonly CardEnrolment[],
): Promise<void> {
  await faultsTranslated(() =>
    database.orm.transaction(async (transaction) => {
      for (const { birthDate, panToken, ...rest } of enrolments) {
        const birthDateSealed =
          birthDate === null ? null : keys.seal(TEXT.encode(birthDate), sealContext(panToken, rest.psn));
        const { validTo, reviewDueOn, revokedOn, evidenceKind } = rest;
        const values = { evidenceKind, birthDateSealed, validTo, reviewDueOn, revokedOn };
        await transaction
          .insert(concessionEnrolment)
          .values({ ...rest, ...values, panToken: bytesOfToken(panToken) })
          .onConflictDoUpdate({
            target: [
              concessionEnrolment.panToken,
              concessionEnrolment.psn,
              concessionEnrolment.category,
              concessionEnrolment.validFrom,
            ],
            set: values,
          });
      }
    }),
  );
}

type EnrolmentRow = {
  readonly pan_token: Buffer;
  readonly psn: number;
  readonly category: string;
  readonly evidence_kind: string;
  readonly birth_date_sealed: Buffer | null;
  readonly valid_from: string;
  readonly valid_to: string | null;
  readonly review_due_on: string | null;
  readonly revoked_on: string | null;
};

/** The enrolments of these cards, birth dates opened: they are in memory for as long as a fare is being found. */
export async function readEnrolments(
  transaction: Transaction,
  keys: KeyProvider,
  cards: readonly { readonly panToken: PanToken; readonly psn: number }[],
): Promise<CardEnrolment[]> {
  const rows = await transaction<EnrolmentRow[]>`
    select e.pan_token, e.psn, e.category, e.evidence_kind, e.birth_date_sealed, e.valid_from::text, e.valid_to::text,
      e.review_due_on::text, e.revoked_on::text
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
    const sealed = row.birth_date_sealed;
    const birthDate =
      sealed === null ? null : TEXT.decode.decode(keys.open(sealed, sealContext(token, row.psn)));
    return {
      panToken: token,
      psn: row.psn,
      category: row.category,
      evidenceKind: row.evidence_kind,
      birthDate: dateOrNull(birthDate),
      validFrom: isoDate(row.valid_from),
      validTo: dateOrNull(row.valid_to),
      reviewDueOn: dateOrNull(row.review_due_on),
      revokedOn: dateOrNull(row.revoked_on),
    };
  });
}

const dateOrNull = (text: string | null): IsoDate | null => (text === null ? null : isoDate(text));
