import { isIP } from 'node:net';
import path from 'node:path';
import { StartFault } from './start-fault.ts';

/** Everything the environment decides about a gateway. */
export type Settings = {
  /** 0: any free port */
  readonly port: number;
  readonly host: string;
  /** absolute; keystore, tokens and the embedded database */
  readonly dataDir: string;
  /** null: the embedded database */
  readonly databaseUrl: string | null;
  /** null: a generated one, kept beside the keystore; for the demo only */
  readonly keystorePassphrase: string | null;
};

const PROJECT_ROOT = path.join(import.meta.dirname, '..');
const DEFAULT_PORT = 8080;

/**
 * Reads PORT, HOST, DATA_DIR (default .tapgate in the project), DATABASE_URL and KEYSTORE_PASSPHRASE.
 *
 * @throws StartFault settings_invalid naming the variable, never its value: two of them are secrets
 */
export function readSettings(environment: Readonly<Record<string, string | undefined>>): Settings {
  const read = (name: string): string | null => {
    const value = environment[name];
    if (value === undefined) return null;
    if (value.trim() === '') throw invalid(name, 'is set, but empty');
    return value;
  };
  return {
    port: readPort(read('PORT')),
    host: readHost(read('HOST')),
    dataDir: path.resolve(read('DATA_DIR') ?? path.join(PROJECT_ROOT, '.tapgate')),
    databaseUrl: readDatabaseUrl(read('DATABASE_URL')),
    keystorePassphrase: read('KEYSTORE_PASSPHRASE'),
  };
}

const invalid = (name: string, reason: string): StartFault =>
  new StartFault('settings_invalid', `${name} ${reason}`);

function readPort(text: string | null): number {
  if (text === null) return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw invalid('PORT', 'must be a number from 0 to 65535');
  return port;
}

function readHost(text: string | null): string {
  if (text === null) return '127.0.0.1';
  if (isIP(text) === 0 && !/^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/.test(text)) {
    throw invalid('HOST', 'must be an IP address or a host name, without a port');
  }
  return text;
}

function readDatabaseUrl(text: string | null): string | null {
  if (text === null) return null;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol) || url.pathname.length < 2) {
    throw invalid('DATABASE_URL', 'must be a URL like postgres://user:password@host:5432/database');
  }
  return text;
}
