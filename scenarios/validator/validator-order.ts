import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { isTerminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { countArgument, parsedOrUsage, UsageFault } from '../command-line.ts';

export const HELP = `Usage: npm run validator -- [options]

The program of one gate: reader, kernel, decision, journal, barrier and display, and forwarding to the gateway whenever it can be
reached. It decides alone when it cannot; what it owes lies encrypted in its journal.

Options:
  --reader KIND     virtual (cards in this process; Enter holds one into the field, q stops) or pcsc (the machine's readers, through pcscd);
                    default virtual
  --gate KIND       console (a line for each signal) or hid (a board on USB); default console
  --board VID:PID   which board, hexadecimal; default 1209:0001
  --gateway URL     default: HOST and PORT
  --terminal ID     which terminal of the demonstration this is; default: a bus with concessions
  --data-dir DIR    where its journal lies; default: journals in DATA_DIR. A terminal's journal is never begun anew: its sequence
                    goes on
  --simulate        a stream of virtual riders: most tap once, some come back, some pull too early
  --between MS      mean time between them (default 1500)
  --taps N          stop after so many taps
  --seed TEXT       which riders come; a seed that was used on the same gateway is refused as copies (default: random)
  --json            one JSON object a line
  -h, --help        this text

Environment: HOST, PORT, DATA_DIR, KEYSTORE_PASSPHRASE as for npm start, which makes the keystore that this reads.
Exit code: 0 after Ctrl-C, SIGTERM or --taps; 2 for a command that makes no sense; 3 when a device's library is not installed.
`;

const DEFAULT_BETWEEN_MS = 1_500;

export type ValidatorOrder = {
  readonly reader: 'virtual' | 'pcsc';
  readonly gate: 'console' | 'hid';
  readonly board: { readonly vendorId: number; readonly productId: number };
  readonly gateway: string | null;
  readonly terminalId: TerminalId | null;
  readonly dataDir: string | null;
  readonly simulate: boolean;
  readonly betweenMs: number;
  readonly taps: number;
  readonly seed: string;
  readonly json: boolean;
};

/** What the command line asks for; null for the help. @throws UsageFault */
export function readValidatorOrder(): ValidatorOrder | null {
  const { values } = parsedOrUsage(() =>
    parseArgs({
      options: {
        reader: { type: 'string', default: 'virtual' },
        gate: { type: 'string', default: 'console' },
        board: { type: 'string', default: '1209:0001' },
        gateway: { type: 'string' },
        terminal: { type: 'string' },
        'data-dir': { type: 'string' },
        simulate: { type: 'boolean', default: false },
        between: { type: 'string' },
        taps: { type: 'string' },
        seed: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }),
  );
  if (values.help) return null;
  const { reader, gate, simulate, json, between, taps, terminal } = values;
  if (reader !== 'virtual' && reader !== 'pcsc') throw new UsageFault('--reader takes virtual or pcsc');
  if (gate !== 'console' && gate !== 'hid') throw new UsageFault('--gate takes console or hid');
  if (simulate && reader !== 'virtual') throw new UsageFault('--simulate needs --reader virtual');
  const board = /^([0-9a-f]{4}):([0-9a-f]{4})$/i.exec(values.board);
  if (board === null) throw new UsageFault('--board takes VID:PID, four hexadecimal digits each');
  if (terminal !== undefined && !isTerminalId(terminal))
    throw new UsageFault('--terminal takes eight of 0-9 A-Z');
  if (values.gateway !== undefined && !/^https?:\/\/\S+$/.test(values.gateway))
    throw new UsageFault('--gateway takes an http URL');
  return {
    ...{ reader, gate, simulate, json },
    board: { vendorId: Number.parseInt(board[1] ?? '', 16), productId: Number.parseInt(board[2] ?? '', 16) },
    gateway: values.gateway ?? null,
    terminalId: terminal ?? null,
    dataDir: values['data-dir'] ?? null,
    betweenMs:
      between === undefined
        ? DEFAULT_BETWEEN_MS
        : countArgument('--between', between, { least: 0, most: 3_600_000 }),
    taps: taps === undefined ? Infinity : countArgument('--taps', taps, { least: 1, most: 1_000_000_000 }),
    seed: values.seed ?? randomBytes(8).toString('hex'),
  };
}
