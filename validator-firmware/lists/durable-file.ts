import { open, rename } from 'node:fs/promises';
import path from 'node:path';

/** Writes a file so that after a power cut it is whole or not there: aside, synced, renamed, and the folder synced. */
export async function writeDurably(file: string, bytes: Uint8Array): Promise<void> {
  const aside = `${file}.new`;
  const handle = await open(aside, 'w', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(aside, file);
  const folder = await open(path.dirname(file), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
