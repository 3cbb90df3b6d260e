import { defineConfig } from 'drizzle-kit';

// The schema is gateway/store/schema/; `npx drizzle-kit generate` writes the next migration. Triggers and partitions, which
// drizzle cannot express, are written by hand into the same folder (`drizzle-kit generate --custom`).
export default defineConfig({
  dialect: 'postgresql',
  schema: './gateway/store/schema/*.ts',
  out: './gateway/migrations',
});
