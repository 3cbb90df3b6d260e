import { hmacSm3 } from '@tapgate/sdk/gm/sm3';
import { TapGateClient } from '@tapgate/sdk/client';
import { sm2Sign } from '@tapgate/sdk/gm/sm2';
import type { CaKeyTable } from '@tapgate/sdk/emv/ca-keys';
import type { TapRecord } from '@tapgate/sdk/tap-record/tap-record';
import { encodeTapRecord, parseTapRecord } from '@tapgate/sdk/tap-record/tap-record-codec';
import type { AskingParameters } from '@tapgate/sdk/lists/asking-parameters';
import type { TerminalId } from '@tapgate/sdk/wire/identifiers';
import { fen } from '@tapgate/sdk/wire/money';
import type { LineData, TerminalData } from '@tapgate/gateway/operators/load-operators';
import type { TerminalCredentials } from '@tapgate/gateway/keys/demo-credentials';
import { GatewayCounsel } from '@tapgate/validator-firmware/asking/gateway-counsel';
import type { HotlistSnapshot } from '@tapgate/validator-firmware/gate/hotlist-snapshot';
import type { TapJournal } from '@tapgate/validator-firmware/journal/tap-journal';
import { ODA_PROFILE, OFFLINE_PURCHASE_PROFILE } from '@tapgate/validator-firmware/kernel/standard-profiles';
import { createValidator, type Validator } from '@tapgate/validator-firmware/validator';

/** What the whole city shares at one moment; a scenario moves the clock and replaces the list. */
export type CityNow = { nowMs: number; hotlist: HotlistSnapshot };

export type CityTerminalParts = {
  readonly baseUrl: string;
  readonly line: LineData;
  readonly terminal: TerminalData;
  readonly credentials: TerminalCredentials;
  readonly caKeys: CaKeyTable;
  readonly journal: TapJournal;
  readonly now: CityNow;
  readonly random: (byteCount: number) => Uint8Array;
  readonly ruleSetVersion: string;
  /** how it asks the gateway before it decides; null: it decides alone */
  readonly asking: (() => AskingParameters) | null;
};

/** Changes what a terminal writes down before it is authenticated: the act of somebody who owns the terminal. */
export type Tampering = (record: TapRecord) => TapRecord;

export type CityTerminal = {
  readonly terminalId: TerminalId;
  readonly line: LineData;
  readonly stationId: string | null;
  readonly tapKind: TerminalData['tapKind'];
  readonly journal: TapJournal;
  readonly client: TapGateClient;
  readonly validator: Validator;
  /** the same terminal with somebody's hand in it: its records are changed, and then authenticated by its good key */
  readonly tamperedValidator: (tampering: Tampering) => Validator;
  /** a record that this terminal never made, authenticated by its good key */
  readonly authenticate: (record: TapRecord) => Uint8Array;
};

const CHINA_UTC_OFFSET_MINUTES = 480;
const POLICY = {
  hotlistAgeMaxMs: 24 * 60 * 60 * 1000,
  staleHotlist: 'refuse',
  passBackWindowMs: 90_000,
} as const;

/** A terminal of the demonstration: the real firmware on a virtual clock, with a journal on disk and a session of its own. */
export function openCityTerminal(parts: CityTerminalParts): CityTerminal {
  const { line, terminal, credentials, journal, now } = parts;
  const { terminalId } = terminal;
  const authenticate = (record: TapRecord): Uint8Array =>
    encodeTapRecord(record, (macInput) => hmacSm3(credentials.macKey, macInput));

  const client = new TapGateClient({
    baseUrl: parts.baseUrl,
    authentication: {
      terminalId,
      sign: (message) =>
        sm2Sign({ privateKey: credentials.sm2PrivateKey, publicKeyXy: credentials.sm2PublicKey, message }),
    },
    clock: () => now.nowMs,
    headers: () => ({ 'Demo-Time': new Date(now.nowMs).toISOString() }),
  });
  const { asking: parameters } = parts;
  const counsel =
    parameters === null
      ? {}
      : { counsel: new GatewayCounsel({ client, terminalId, macKey: credentials.macKey, parameters }) };

  const validatorWith = (append: TapJournal['append']): Validator =>
    createValidator({
      terminal: {
        terminalId,
        lineId: line.lineId,
        stationId: terminal.stationId,
        tapKind: terminal.tapKind,
        rail: line.rail,
        macKey: credentials.macKey,
        ruleSetVersion: parts.ruleSetVersion,
        utcOffsetMinutes: CHINA_UTC_OFFSET_MINUTES,
        fareFen: line.rail === 'oda' || line.amountFen === null ? null : fen(line.amountFen),
      },
      profile: line.rail === 'oda' ? ODA_PROFILE : OFFLINE_PURCHASE_PROFILE,
      caKeys: parts.caKeys,
      hotlist: () => now.hotlist,
      policy: POLICY,
      journal: { hasRoom: () => journal.hasRoom(), recentTaps: () => journal.recentTaps(), append },
      clock: () => now.nowMs,
      random: parts.random,
      ...counsel,
    });

  return {
    terminalId,
    line,
    stationId: terminal.stationId,
    tapKind: terminal.tapKind,
    journal,
    client,
    validator: validatorWith((makeRecord, recentTap) => journal.append(makeRecord, recentTap)),
    tamperedValidator: (tampering) =>
      validatorWith((makeRecord, recentTap) =>
        journal.append((sequence) => authenticate(tampering(readOwnRecord(makeRecord(sequence)))), recentTap),
      ),
    authenticate,
  };
}

/** @throws RangeError when it does not parse: it was made here a moment ago */
export function readOwnRecord(bytes: Uint8Array): TapRecord {
  const parsed = parseTapRecord(bytes);
  if (!parsed.ok) throw new RangeError(`an own record does not parse: ${parsed.refusal.field ?? ''}`);
  return parsed.record;
}
