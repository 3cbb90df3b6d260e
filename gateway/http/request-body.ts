import { refuse, type Refusal } from '@tapgate/sdk/wire/refusals';
import type { z } from '@hono/zod-openapi';
import { readBody } from './node-exchange.ts';
import type { GatewayContext } from './request-context.ts';

export type Reading<Value> =
  { readonly ok: true; readonly value: Value } | { readonly ok: false; readonly refusal: Refusal };

const accepted = <Value>(value: Value): Reading<Value> => ({ ok: true, value });
const refused = (refusal: Refusal): Reading<never> => ({ ok: false, refusal });

/**
 * Reads a JSON body and checks it against its schema: parsed once, trusted from here on.
 *
 * @refuses content_type_unsupported, body_too_large, json_malformed, field_invalid with the path of the first bad field
 */
export async function readJsonBody<Schema extends z.ZodType>(
  context: GatewayContext,
  schema: Schema,
  maxBytes: number,
): Promise<Reading<z.output<Schema>>> {
  if (!isContentType(context, 'application/json')) return refused(refuse('content_type_unsupported'));
  const body = await readBody(context, maxBytes);
  return body === null ? refused(refuse('body_too_large')) : parseJson(body, schema);
}

/** @refuses json_malformed, field_invalid with the path of the first bad field */
export function parseJson<Schema extends z.ZodType>(
  bytes: Uint8Array,
  schema: Schema,
): Reading<z.output<Schema>> {
  let value: unknown;
  try {
    value = JSON.parse(UTF8.decode(bytes));
  } catch {
    return refused(refuse('json_malformed'));
  }
  const checked = schema.safeParse(value);
  return checked.success
    ? accepted(checked.data)
    : refused(refuse('field_invalid', fieldPath(checked.error)));
}

/** Invalid UTF-8 is malformed JSON, not text with replacement characters. */
const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** True for the media type itself, whatever its parameters. */
export function isContentType(context: GatewayContext, mediaType: string): boolean {
  return isMediaType(context.req.header('content-type'), mediaType);
}

/** Whether a `Content-Type` states this media type, whatever its parameters. */
export function isMediaType(stated = '', mediaType: string): boolean {
  if (stated === mediaType) return true;
  const [found] = stated.split(';');
  return found?.trim().toLowerCase() === mediaType;
}

/** `record`, `items[3].name`: outermost first. An unknown field names itself; its name is the peer's, so it is cut and cleaned. */
export function fieldPath(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return '';
  const path = [...issue.path];
  if (issue.code === 'unrecognized_keys' && issue.keys[0] !== undefined) path.push(issue.keys[0]);
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += `${text === '' ? '' : '.'}${cleanName(String(part))}`;
  }
  return text;
}

const FIELD_NAME_MAX = 64;

function cleanName(name: string): string {
  return name.slice(0, FIELD_NAME_MAX).replaceAll(/[^A-Za-z0-9_-]/g, '?');
}
