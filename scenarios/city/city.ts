import path from 'node:path';
import { Pan } from '@tapgate/sdk/emv/card-identity';
import { bytesFromHex } from '@tapgate/sdk/emv/hex';
import { buildCaKeyTable, loadCaKey, type CaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import type { AskingParameters } from '@tapgate/sdk/lists/asking-parameters';
import { hotlistKey } from '@tapgate/sdk/tap-record/hotlist-key';
import { isoDate } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import { issuerPersonalisation, terminalCredentials } from '@tapgate/gateway/keys/demo-credentials';
import { DEMO_CA } from '@tapgate/gateway/keys/demo-keystore';
import type { Keystore } from '@tapgate/gateway/keys/keystore';
import type { DemoData } from '@tapgate/gateway/operators/demo-reference';
import { hotlistOfKeys, type HotlistSnapshot } from '@tapgate/validator-firmware/gate/hotlist-snapshot';
import { TapJournal } from '@tapgate/validator-firmware/journal/tap-journal';
import type { CardFaults } from '@tapgate/validator-firmware/virtual-cards/card-faults';
import { personaliseCard } from '@tapgate/validator-firmware/virtual-cards/personalise-card';
import { VirtualCard } from '@tapgate/validator-firmware/virtual-cards/virtual-card';
import { openCityTerminal, type CityNow, type CityTerminal } from './city-terminal.ts';

export type CitySettings = {
  readonly baseUrl: string;
  readonly data: DemoData;
  readonly keystore: Keystore;
  /** one journal a terminal; kept, because a tap sequence never restarts */
  readonly journalsFolder: string;
  readonly nowMs: number;
  /** time and hotlist as they are asked for each tap; left out: a clock that a scenario moves, from nowMs on */
  readonly now?: (listKey: Uint8Array) => CityNow;
  readonly random: (byteCount: number) => Uint8Array;
  readonly ruleSetVersion: string;
  /** how its gates ask before they decide; left out: they decide alone */
  readonly asking?: () => AskingParameters;
};

/** A card of the demonstration and the numbers by which a bank and a desk name it. */
export type CityCard = {
  readonly card: VirtualCard;
  readonly bankId: string;
  /** invented: its BIN belongs to no scheme */
  readonly pan: string;
  readonly psn: number;
};

const CARD_EXPIRY = isoDate('2039-12-31');
const START_BALANCE_FEN = fen(50_000);
const JOURNAL_MAX = 100_000;

/**
 * Everything around the gateway: the terminals of its operators, running the real firmware, and cards of its banks. Who runs a
 * city in reality keeps these keys apart; a demonstration opens them from one keystore.
 */
export class City {
  readonly now: CityNow;
  readonly #settings: CitySettings;
  readonly #caKeys: CaKeyTable;
  readonly #listKey: Uint8Array;
  readonly #terminals = new Map<string, CityTerminal>();

  constructor(settings: CitySettings) {
    this.#settings = settings;
    this.#caKeys = demoCaKeys(settings.keystore);
    this.#listKey = hmacSm3(settings.keystore.current('claim-salt').secret, Buffer.from('demo hotlist key'));
    const empty = { version: 0, publishedAtMs: settings.nowMs, listKey: this.#listKey };
    this.now = settings.now?.(this.#listKey) ?? { nowMs: settings.nowMs, hotlist: hotlistOfKeys(empty, []) };
  }

  /** Opens a terminal with its journal, or gives the one that is open. @throws RangeError for an id of no terminal */
  async terminal(terminalId: string): Promise<CityTerminal> {
    const open = this.#terminals.get(terminalId);
    if (open !== undefined) return open;
    const { data, keystore, journalsFolder, baseUrl, random, ruleSetVersion } = this.#settings;
    const lines = data.operators.flatMap((operator) => operator.lines);
    const line = lines.find((of) => of.terminals.some((terminal) => terminal.terminalId === terminalId));
    const terminal = line?.terminals.find((of) => of.terminalId === terminalId);
    if (line === undefined || terminal === undefined) throw new RangeError('no terminal of that id');
    const credentials = terminalCredentials(keystore, terminal.terminalId);
    const journal = await TapJournal.open({
      directory: path.join(journalsFolder, terminal.terminalId),
      storageKey: hmacSm3(credentials.macKey, Buffer.from('journal')),
      unacknowledgedMax: JOURNAL_MAX,
    });
    const opened = openCityTerminal({
      ...{ baseUrl, line, terminal, credentials, journal, random, ruleSetVersion },
      caKeys: this.#caKeys,
      now: this.now,
      asking: this.#settings.asking ?? null,
    });
    this.#terminals.set(terminalId, opened);
    return opened;
  }

  /** A card of a bank; the same seed is the same card, which would be a copy if it were used twice. */
  card(options: { readonly bankId: string; readonly seed: string; readonly faults?: CardFaults }): CityCard {
    const bank = this.#settings.data.banks.find((known) => known.bankId === options.bankId);
    const bin = bank?.bins[0];
    if (bin === undefined) throw new RangeError('the bank has no BIN');
    const digest = Buffer.from(hmacSm3(Buffer.from(options.seed), Buffer.from('card number')));
    const digits = (digest.readBigUInt64BE(0) % 10n ** 12n).toString().padStart(12, '0');
    const withoutCheck = `${bin}${digits}`;
    const pan = `${withoutCheck}${luhnDigit(withoutCheck)}`;
    const personalisation = personaliseCard({
      ...{ seed: options.seed, pan, psn: '01', expiry: CARD_EXPIRY, balanceFen: START_BALANCE_FEN },
      issuer: issuerPersonalisation(this.#settings.keystore, options.bankId),
    });
    const card = new VirtualCard(personalisation, undefined, options.faults);
    return { card, bankId: options.bankId, pan, psn: 1 };
  }

  /** The hotlist as the gates hold it, in a version that the gateway has published. */
  hotlistOf(version: number, cards: readonly CityCard[]): HotlistSnapshot {
    const keys = cards.map(({ pan }) => {
      const named = Pan.of(pan);
      if (named === null) throw new RangeError('a card of the city has a PAN');
      return hotlistKey(this.#listKey, { pan: named, panSequenceNumber: '01' });
    });
    return hotlistOfKeys({ version, publishedAtMs: this.now.nowMs, listKey: this.#listKey }, keys);
  }

  /** Closes every journal. */
  async close(): Promise<void> {
    for (const { journal } of this.#terminals.values()) await journal.close();
    this.#terminals.clear();
  }
}

/** The test root as terminals hold it. */
function demoCaKeys(keystore: Keystore): CaKeyTable {
  const { publicKeyXy } = keystore.current('root-ca');
  if (publicKeyXy === null) throw new RangeError('the test root has no public half');
  const loaded = loadCaKey({
    rid: bytesFromHex(DEMO_CA.rid),
    index: DEMO_CA.index,
    expiry: isoDate(DEMO_CA.expiresOn),
    modulus: publicKeyXy,
    exponent: new Uint8Array(),
    checksum: new Uint8Array(),
  });
  if (!loaded.ok) throw new RangeError(`the test root does not load: ${loaded.refusal.code}`);
  return buildCaKeyTable([loaded.key]);
}

/** ISO/IEC 7812-1 annex B: the last digit of a PAN. */
function luhnDigit(digits: string): string {
  const sum = Array.from(digits)
    .reverse()
    .reduce((total, digit, place) => {
      const doubled = Number(digit) * (place % 2 === 0 ? 2 : 1);
      return total + (doubled > 9 ? doubled - 9 : doubled);
    }, 0);
  return String((10 - (sum % 10)) % 10);
}
