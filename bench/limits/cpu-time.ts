import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, the unit of the times in /proc, is 100 on every Linux that Node runs on. */
const TICK_MS = 10;

type ProcessTimes = {
  readonly pid: number;
  readonly parent: number;
  readonly ownMs: number;
  readonly endedChildrenMs: number;
};

function timesOf(statFile: string): ProcessTimes | null {
  let text: string;
  try {
    text = readFileSync(statFile, 'latin1');
  } catch {
    return null;
  }
  // The command's name stands in brackets and may hold anything; what follows the last bracket are numbers.
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const field = (index: number): number => fields[index] ?? 0;
  return {
    pid: Number.parseInt(text, 10),
    parent: field(1),
    ownMs: (field(11) + field(12)) * TICK_MS,
    endedChildrenMs: (field(13) + field(14)) * TICK_MS,
  };
}

/**
 * CPU time of a process and its children, ended ones included, ms: what a PostgreSQL server has used with all its sessions.
 *
 * @returns null where there is no /proc
 */
export function treeCpuMs(rootPid: number): number | null {
  const root = timesOf(`/proc/${rootPid}/stat`);
  if (root === null) return null;
  let sum = root.ownMs + root.endedChildrenMs;
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const times = timesOf(`/proc/${name}/stat`);
    if (times !== null && times.parent === rootPid) sum += times.ownMs;
  }
  return sum;
}

export type ThreadTimes = { readonly mainMs: number; readonly otherThreadsMs: number };

/** CPU time of this process, its first thread apart from the others (SM2 workers, garbage collection). */
export function threadCpuMs(): ThreadTimes {
  let mainMs = 0;
  let otherThreadsMs = 0;
  try {
    for (const task of readdirSync('/proc/self/task')) {
      const times = timesOf(`/proc/self/task/${task}/stat`);
      if (times === null) continue;
      if (times.pid === process.pid) mainMs += times.ownMs;
      else otherThreadsMs += times.ownMs;
    }
  } catch {
    const { user, system } = process.cpuUsage();
    mainMs = (user + system) / 1_000;
  }
  return { mainMs, otherThreadsMs };
}
