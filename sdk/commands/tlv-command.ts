import { readFileSync } from 'node:fs';
import { parseHex } from '../emv/hex.ts';
import { refusalLine, showTlv, tlvLines } from './tlv-tree.ts';

// npm run tlv -- [--unmask] [--json] [--terminal] HEX... : prints the BER-TLV tree of the bytes, `-` reads the hex from
// standard input. Values that name a person or an account are masked unless --unmask is given. --terminal takes names from the
// dictionary of downloaded parameter records. Exit codes: 0 read; 1 not BER-TLV; 2 wrong usage or not hex.

const USAGE = `Usage: npm run tlv -- [options] HEX...

Prints the BER-TLV tree of the bytes; - reads the hex from standard input. What names a person or an account is masked.

  --unmask     show sensitive values
  --terminal   names from the dictionary of downloaded terminal parameters
  --json       the tree as JSON
  -h, --help   this text

Exit code: 0 read, 1 not BER-TLV, 2 wrong usage or not hex.
`;
const OPTIONS: ReadonlySet<string> = new Set(['--unmask', '--json', '--terminal']);

function run(args: readonly string[]): number {
  if (args.some((argument) => argument === '--help' || argument === '-h')) {
    process.stdout.write(USAGE);
    return 0;
  }
  const options = args.filter((argument) => argument.startsWith('--'));
  const words = args.filter((argument) => !argument.startsWith('--'));
  if (words.length === 0 || options.some((option) => !OPTIONS.has(option))) {
    process.stderr.write(USAGE);
    return 2;
  }
  const text = words.join('') === '-' ? readFileSync(0, 'utf8') : words.join('');
  const digits = text.replaceAll(/\s/g, '');
  const bytes = parseHex(digits);
  if (bytes === null) {
    // The position only: what was typed may be card data.
    const odd = digits.search(/[^0-9A-Fa-f]/);
    const at = odd < 0 ? `an odd number of digits, ${digits.length}` : `digit ${odd + 1} is none`;
    process.stderr.write(`not hex: ${at}\n`);
    return 2;
  }
  const asJson = options.includes('--json');
  const shown = showTlv(bytes, {
    unmask: options.includes('--unmask'),
    scope: options.includes('--terminal') ? 'terminal-parameter' : 'card',
  });
  if (asJson) process.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
  if (!shown.ok) {
    process.stderr.write(`${refusalLine(shown.refusal)}\n`);
    return 1;
  }
  if (!asJson) {
    for (const line of tlvLines(shown.objects)) process.stdout.write(`${line}\n`);
    if (shown.kernelRefusal !== null) {
      process.stderr.write(`a kernel refuses this: ${refusalLine(shown.kernelRefusal)}\n`);
    }
  }
  return 0;
}

process.exitCode = run(process.argv.slice(2));
