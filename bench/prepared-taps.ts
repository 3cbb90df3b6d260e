import { City } from '../scenarios/city/city.ts';
import type { OwnGateway } from '../scenarios/city/attach-gateway.ts';
import { seededRandom } from '../scenarios/seeded-random.ts';
import { presentVirtualCard } from '@tapgate/validator-firmware/virtual-cards/in-process-channel';
import { fen } from '@tapgate/sdk/wire/money';

/** What a load generator needs: records that terminals really made, and the session under which each is sent. */
export type PreparedTaps = {
  readonly tokens: Readonly<Record<string, string>>;
  readonly taps: readonly { readonly record: string; readonly terminalId: string }[];
};

const TAPS_OF_A_CARD = 2;
/** Two taps of one card lie this far apart, beyond any pass-back window. */
const BETWEEN_TAPS_MS = 5 * 60_000;

/**
 * Makes distinct taps through the real firmware: every one has its own card act, signature, cryptogram and terminal MAC. A card
 * taps twice at the most, because a card that taps all day is not what a peak looks like.
 *
 * @param railOf which lines: `oda` or `offline_purchase`
 */
export async function prepareTaps(
  own: OwnGateway,
  options: {
    readonly taps: number;
    readonly rail: 'oda' | 'offline_purchase';
    readonly nowMs: number;
    readonly seed: string;
    readonly onProgress: (done: number) => void;
  },
): Promise<PreparedTaps> {
  const random = seededRandom(options.seed);
  const city = new City({
    ...{ baseUrl: own.baseUrl, data: own.data, keystore: own.keystore, journalsFolder: own.journalsFolder },
    nowMs: options.nowMs - BETWEEN_TAPS_MS * TAPS_OF_A_CARD,
    random: (byteCount) => random.bytes(byteCount),
    ruleSetVersion: 'bench',
  });
  try {
    const lines = own.data.operators.flatMap((operator) => operator.lines);
    const line = lines.find(({ mode, rail }) => mode === 'bus' && rail === options.rail);
    if (line === undefined) throw new RangeError('the demonstration has no bus line of that rail');
    const taps: { record: string; terminalId: string }[] = [];
    const cards = Math.ceil(options.taps / TAPS_OF_A_CARD);
    for (let number = 0; number < cards; number += 1) {
      const bank = own.data.banks[number % own.data.banks.length];
      const { card } = city.card({ bankId: bank?.bankId ?? '', seed: `${options.seed}/${number}` });
      for (let turn = 0; turn < TAPS_OF_A_CARD && taps.length < options.taps; turn += 1) {
        city.now.nowMs = options.nowMs - BETWEEN_TAPS_MS * (TAPS_OF_A_CARD - turn) + (number % 60_000);
        const { terminalId } = random.pick(line.terminals);
        const terminal = await city.terminal(terminalId);
        const { record } = await terminal.validator.tap(presentVirtualCard(card), fen(line.amountFen ?? 0));
        if (record === null) throw new Error('a prepared tap made no record');
        taps.push({ record: Buffer.from(record).toString('base64'), terminalId });
      }
      options.onProgress(taps.length);
    }
    city.now.nowMs = options.nowMs;
    const tokens: Record<string, string> = {};
    for (const { terminalId } of line.terminals) {
      const terminal = await city.terminal(terminalId);
      tokens[terminalId] = (await terminal.client.openTerminalSession()).token;
    }
    return { tokens, taps };
  } finally {
    await city.close();
  }
}
