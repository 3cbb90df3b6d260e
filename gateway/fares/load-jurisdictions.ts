import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import type { Jurisdiction } from './check-fare-case.ts';
import { JURISDICTIONS_FOLDER } from './load-rule-sets.ts';

const jurisdictionSchema = z.strictObject({
  id: z.string().regex(/^[a-z][a-z0-9-]*$/),
  name: z.strictObject({ zh: z.string().min(1), en: z.string().min(1) }),
  zone: z.string().min(1),
  currency: z.string().regex(/^[A-Z]{3}$/),
});

/** Reads `<folder>/<id>/jurisdiction.yaml` of every city. @throws Error naming the file */
export function loadJurisdictions(folder: string = JURISDICTIONS_FOLDER): Jurisdiction[] {
  return readdirSync(folder)
    .sort()
    .filter((name) => existsSync(path.join(folder, name, 'jurisdiction.yaml')))
    .map((name) => {
      const file = `${name}/jurisdiction.yaml`;
      const parsed = jurisdictionSchema.safeParse(parse(readFileSync(path.join(folder, file), 'utf8')));
      if (!parsed.success) throw new Error(`${file}: ${z.prettifyError(parsed.error)}`);
      if (parsed.data.id !== name) throw new Error(`${file}: id is not the folder's name`);
      return parsed.data;
    });
}
