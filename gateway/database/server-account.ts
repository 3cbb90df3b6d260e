import { spawnSync } from 'node:child_process';
import { StartFault } from '../start-fault.ts';

/** The OS user under which PostgreSQL runs; null: the user of this process. */
export type ServerAccount = { readonly uid: number; readonly gid: number; readonly name: string } | null;

export const isRoot = (): boolean => process.getuid?.() === 0;

const OWN_ACCOUNT = 'tapgate';

/**
 * PostgreSQL refuses to run as root. The user it gets instead, first match: one made for it (`tapgate`), a machine's own
 * `postgres`, `tapgate` made now as a system user, `nobody` where no user can be made (images without useradd).
 * An existing database keeps the user that owns its files, see `accountOf`.
 *
 * @throws StartFault database_account_missing
 */
export function chooseServerAccount(): ServerAccount {
  if (!isRoot()) return null;
  const existing = findAccount(OWN_ACCOUNT) ?? findAccount('postgres');
  if (existing) return existing;
  // A second gateway may make the same user at the same moment: what counts is that it is there afterwards.
  spawnSync('useradd', ['--system', '--no-create-home', '--shell', '/usr/sbin/nologin', OWN_ACCOUNT], {
    stdio: 'ignore',
  });
  const account = findAccount(OWN_ACCOUNT) ?? findAccount('nobody');
  if (account) return account;
  throw new StartFault(
    'database_account_missing',
    'PostgreSQL does not run as root, and this machine has no user tapgate, postgres or nobody and no useradd; ' +
      'start as an ordinary user or set DATABASE_URL',
  );
}

/** The owner of an existing database's files, when that is not the user of this process. */
export function accountOf(owner: { readonly uid: number; readonly gid: number }): ServerAccount {
  if (!isRoot()) return null;
  return { uid: owner.uid, gid: owner.gid, name: runId('-un', String(owner.uid)) ?? `uid ${owner.uid}` };
}

function findAccount(name: string): ServerAccount {
  const uid = Number(runId('-u', name) ?? Number.NaN);
  const gid = Number(runId('-g', name) ?? Number.NaN);
  return Number.isInteger(uid) && Number.isInteger(gid) && uid !== 0 ? { uid, gid, name } : null;
}

/** `id` is in every POSIX system, busybox included; the user database itself may be elsewhere than /etc/passwd. */
function runId(option: string, name: string): string | null {
  const { status, stdout } = spawnSync('id', [option, name], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return status === 0 ? stdout.trim() : null;
}

/** For child_process: run as that user. Supplementary groups are dropped by libuv together with the uid. */
export const asAccount = (account: ServerAccount): { uid?: number; gid?: number } =>
  account === null ? {} : { uid: account.uid, gid: account.gid };

/** What PostgreSQL's programs may see of our environment: never a passphrase or a PG* default. */
export const SERVER_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};
