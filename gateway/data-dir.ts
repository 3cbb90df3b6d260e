import { accessSync, constants, existsSync, mkdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { StartFault, systemErrorCode } from './start-fault.ts';

/** Makes DATA_DIR unless it is there. @returns its canonical path. @throws StartFault data_dir_unusable */
export function makeDataDir(dataDir: string): string {
  try {
    // Root's server runs as another user, who has to walk through this folder; each file in it is closed by itself.
    makeFolder(path.resolve(dataDir), process.getuid?.() === 0 ? 0o711 : 0o700);
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    return realpathSync(dataDir);
  } catch (error) {
    const code = systemErrorCode(error) ?? 'unknown';
    throw new StartFault(
      'data_dir_unusable',
      `cannot use ${dataDir} (${code}): choose another folder with DATA_DIR`,
    );
  }
}

/** With its parents, step by step: node's recursive mkdir never returns where a parent refuses with ENOENT, as in /proc. */
function makeFolder(folder: string, mode: number): void {
  if (existsSync(folder)) return;
  if (folder !== path.dirname(folder)) makeFolder(path.dirname(folder), mode);
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw error;
  }
}
