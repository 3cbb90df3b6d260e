import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import { readEnrolmentCode } from '@tapgate/sdk/terminals/enrolment';
import { isTerminalId, type TerminalId } from '@tapgate/sdk/wire/identifiers';
import { countArgument, parsedOrUsage, UsageFault } from '../command-line.ts';

export const HELP = `Usage: npm run validator -- [options]

The program of one gate: reader, kernel, decision, journal, barrier and display; in touch with the gateway whenever it can be reached. It
decides alone when it cannot; what it owes lies encrypted in its journal. What it knows of cards comes from the gateway's signed lists.

Options:
  --enrol TERMINAL:CODE  once for each device: makes its key pair here and has the gateway take it. An operator gets the code with
                         npm run terminals -- code; on one machine, as a trial:
                           npm run validator -- --enrol "$(npm run -s terminals -- code)"
  --reader KIND          virtual (cards in this process; Enter holds one into the field, q stops) or pcsc (the machine's readers,
                         through pcscd); default virtual
  --gate KIND            console (a line for each signal) or hid (a board on USB); default console
  --board VID:PID        which board, hexadecimal; default 1209:0001
  --gateway URL          default: HOST and PORT
  --data-dir DIR         everything that this device keeps: keys, journal, lists; default: validator in DATA_DIR. One folder is one
                         device, and is never begun anew: its tap sequence goes on
  --simulate             a stream of virtual riders: most tap once, some come back, some pull too early
  --between MS           mean time between them (default 1500)
  --taps N               stop after so many taps
  --seed TEXT            which riders come; a seed that was used on the same gateway is refused as copies (default: random)
  --json                 one JSON object a line
  -h, --help             this text

闸机程序：读卡、脱机认证、判断、记账本、开闸与显示；能连上网关时实时上送，连不上时独立判断，交易加密保存在本机，恢复后按先后补传。
首次使用先注册（--enrol 终端号:一次性注册码）：密钥对在本机生成，私钥不出本机。注册码由运营方用 npm run terminals -- code 取得。

Environment: HOST, PORT, DATA_DIR as for npm start; virtual cards are of the demonstration's banks, whose keys it reads in DATA_DIR.
PCSCLITE_CSOCK_NAME names the socket of another pcscd than the machine's.
Exit code: 0 after Ctrl-C, SIGTERM or --taps; 1 when it cannot go on (start it again); 2 for a command that makes no sense; 3 when a
device's library is not installed; 4 when this device is not enrolled.
`;

const DEFAULT_BETWEEN_MS = 1_500;

export type ValidatorOrder = {
  readonly reader: 'virtual' | 'pcsc';
  readonly gate: 'console' | 'hid';
  readonly board: { readonly vendorId: number; readonly productId: number };
  readonly gateway: string | null;
  readonly enrol: { readonly terminalId: TerminalId; readonly code: string } | null;
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
        enrol: { type: 'string' },
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
  const { reader, gate, simulate, json, between, taps, enrol } = values;
  if (reader !== 'virtual' && reader !== 'pcsc') throw new UsageFault('--reader takes virtual or pcsc');
  if (gate !== 'console' && gate !== 'hid') throw new UsageFault('--gate takes console or hid');
  if (simulate && reader !== 'virtual') throw new UsageFault('--simulate needs --reader virtual');
  const board = /^([0-9a-f]{4}):([0-9a-f]{4})$/i.exec(values.board);
  if (board === null) throw new UsageFault('--board takes VID:PID, four hexadecimal digits each');
  if (values.gateway !== undefined && !/^https?:\/\/\S+$/.test(values.gateway))
    throw new UsageFault('--gateway takes an http URL');
  return {
    ...{ reader, gate, simulate, json },
    board: { vendorId: Number.parseInt(board[1] ?? '', 16), productId: Number.parseInt(board[2] ?? '', 16) },
    gateway: values.gateway?.replace(/\/+$/, '') ?? null,
    enrol: enrol === undefined ? null : readEnrolment(enrol),
    dataDir: values['data-dir'] ?? null,
    betweenMs:
      between === undefined
        ? DEFAULT_BETWEEN_MS
        : countArgument('--between', between, { least: 0, most: 3_600_000 }),
    taps: taps === undefined ? Infinity : countArgument('--taps', taps, { least: 1, most: 1_000_000_000 }),
    seed: values.seed ?? randomBytes(8).toString('hex'),
  };
}

/** `TERMINAL:CODE`; what was typed is in no message, for a code is a secret. */
function readEnrolment(typed: string): NonNullable<ValidatorOrder['enrol']> {
  const [terminal = '', letters = ''] = typed.trim().split(':');
  const code = readEnrolmentCode(letters);
  if (!isTerminalId(terminal) || code === null)
    throw new UsageFault(
      '--enrol takes TERMINAL:CODE: eight of 0-9 A-Z, a colon, and a code of sixteen letters',
    );
  return { terminalId: terminal, code };
}
