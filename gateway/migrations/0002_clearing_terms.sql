ALTER TABLE "clearing_batch" ADD COLUMN "terms" jsonb;--> statement-breakpoint
ALTER TABLE "clearing_batch" ADD COLUMN "content_key_sealed" "bytea";--> statement-breakpoint
ALTER TABLE "clearing_batch" ADD COLUMN "envelope" "bytea";