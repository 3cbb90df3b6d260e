import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { StartFault } from './start-fault.ts';

/**
 * Reads a YAML data file of the project against its schema.
 *
 * @throws StartFault data_file_invalid naming the file, the path inside it and the reason, all of them at once
 */
export function readDataFile<Schema extends z.ZodType>(file: string, schema: Schema): z.output<Schema> {
  const name = path.relative(path.join(import.meta.dirname, '..'), file);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new StartFault('data_file_invalid', `${name}: cannot be read`);
  }
  const document = parseDocument(text, { uniqueKeys: true });
  const [syntax] = document.errors;
  if (syntax) throw new StartFault('data_file_invalid', `${name}: ${syntax.message.split('\n', 1)[0] ?? ''}`);
  const parsed = schema.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const reasons = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new StartFault('data_file_invalid', `${name}: ${reasons.join('; ')}`);
}
