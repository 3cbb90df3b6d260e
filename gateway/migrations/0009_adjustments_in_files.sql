-- Adjustments reach the files of banks and funders: an adjustment says whose it is and what was claimed before it, a cut-over ends their order
-- too, a batch takes a range of it and no two batches of a party and kind the same, and what a file cannot carry is kept with its cause.
-- Adjustments of before are in no batch, so the first cut-over after this one offers them all.
-- Locks: ACCESS EXCLUSIVE on fare_adjustment, cut_over and clearing_batch for a moment each (the last is rewritten: a row a batch), SHARE on
-- fare_adjustment while its indexes are built.
CREATE TABLE "unpresented_adjustment" (
	"party" text NOT NULL,
	"kind" text NOT NULL,
	"clearing_date" date NOT NULL,
	"sequence" integer NOT NULL,
	"adjustment_id" "bytea" NOT NULL,
	"state" text NOT NULL,
	"cause" text NOT NULL,
	"difference_fen" bigint NOT NULL,
	CONSTRAINT "unpresented_adjustment_pk" PRIMARY KEY("party","kind","clearing_date","sequence","adjustment_id"),
	CONSTRAINT "unpresented_adjustment_state_known" CHECK ("unpresented_adjustment"."state" in ('held', 'withheld')),
	CONSTRAINT "unpresented_adjustment_not_zero" CHECK ("unpresented_adjustment"."difference_fen" <> 0)
);
--> statement-breakpoint
CREATE UNIQUE INDEX "unpresented_adjustment_once" ON "unpresented_adjustment" USING btree ("adjustment_id");--> statement-breakpoint
ALTER TABLE "fare_adjustment" DROP CONSTRAINT "fare_adjustment_changes";--> statement-breakpoint
ALTER TABLE "clearing_batch" ADD COLUMN "adjustments" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "clearing_batch" ADD COLUMN "extra_fen" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "clearing_batch" ADD COLUMN "reduced_fen" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "clearing_batch" ADD COLUMN "after_adjusted_no" bigint GENERATED ALWAYS AS (coalesce((terms -> 'adjusted' ->> 'afterAdjustedNo')::bigint, 0)) STORED;--> statement-breakpoint
ALTER TABLE "clearing_batch" ADD COLUMN "up_to_adjusted_no" bigint GENERATED ALWAYS AS (coalesce((terms -> 'adjusted' ->> 'upToAdjustedNo')::bigint, 0)) STORED;--> statement-breakpoint
ALTER TABLE "cut_over" ADD COLUMN "up_to_adjusted_no" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "fare_adjustment" ADD COLUMN "bank_id" text;--> statement-breakpoint
ALTER TABLE "fare_adjustment" ADD COLUMN "rail" text;--> statement-breakpoint
ALTER TABLE "fare_adjustment" ADD COLUMN "charged_funder" text;--> statement-breakpoint
ALTER TABLE "fare_adjustment" ADD COLUMN "charged_claimed_fen" bigint;--> statement-breakpoint
-- The rows that are there get what follows from their journey and from the row before them. It is the only time that this table is updated.
ALTER TABLE "fare_adjustment" DISABLE TRIGGER "fare_adjustment_written_once";--> statement-breakpoint
UPDATE "fare_adjustment" AS a SET "rail" = j."rail", "bank_id" = CASE WHEN j."outcome" = 'chargeable' THEN j."bank_id" END,
  "charged_funder" = CASE WHEN b."adjustment_id" IS NULL THEN j."funder" ELSE b."funder" END,
  "charged_claimed_fen" = CASE WHEN b."adjustment_id" IS NULL THEN j."claimed_fen" ELSE b."claimed_fen" END
FROM "fare_adjustment" AS own
JOIN "journey" AS j ON j."service_date" = own."service_date" AND j."pan_token" = own."pan_token" AND j."journey_id" = own."journey_id"
LEFT JOIN LATERAL (
  SELECT * FROM "fare_adjustment" AS x
  WHERE x."pan_token" = own."pan_token" AND x."journey_id" = own."journey_id" AND x."adjusted_no" < own."adjusted_no"
  ORDER BY x."adjusted_no" DESC LIMIT 1) AS b ON true
WHERE own."adjustment_id" = a."adjustment_id";--> statement-breakpoint
ALTER TABLE "fare_adjustment" ENABLE TRIGGER "fare_adjustment_written_once";--> statement-breakpoint
ALTER TABLE "fare_adjustment" ALTER COLUMN "rail" SET NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "clearing_batch_adjusted_once" ON "clearing_batch" USING btree ("party","kind","after_adjusted_no") WHERE "clearing_batch"."up_to_adjusted_no" > "clearing_batch"."after_adjusted_no";--> statement-breakpoint
CREATE INDEX "fare_adjustment_bank_rail_adjusted_no" ON "fare_adjustment" USING btree ("bank_id","rail","adjusted_no");--> statement-breakpoint
CREATE UNIQUE INDEX "fare_adjustment_adjusted_no" ON "fare_adjustment" USING btree ("adjusted_no");--> statement-breakpoint
ALTER TABLE "clearing_batch" ADD CONSTRAINT "clearing_batch_adjustments_not_negative" CHECK ("clearing_batch"."extra_fen" >= 0 and "clearing_batch"."reduced_fen" >= 0);--> statement-breakpoint
ALTER TABLE "fare_adjustment" ADD CONSTRAINT "fare_adjustment_changes" CHECK ("fare_adjustment"."charged_fen" <> "fare_adjustment"."fare_fen" or ("fare_adjustment"."charged_funder", "fare_adjustment"."charged_claimed_fen") is distinct from ("fare_adjustment"."funder", "fare_adjustment"."claimed_fen"));--> statement-breakpoint
CREATE TRIGGER "unpresented_adjustment_written_once" BEFORE UPDATE OR DELETE ON "unpresented_adjustment" FOR EACH ROW EXECUTE FUNCTION "refuse_change_of_books"();--> statement-breakpoint
CREATE TRIGGER "unpresented_adjustment_not_emptied" BEFORE TRUNCATE ON "unpresented_adjustment" FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change_of_books"();--> statement-breakpoint
-- Ranges of one party and kind follow each other without a gap or an overlap: each begins where the furthest one ended.
CREATE FUNCTION "judge_adjusted_range"() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  reached bigint;
BEGIN
  SELECT coalesce(max("up_to_adjusted_no"), 0) INTO reached FROM "clearing_batch"
  WHERE "party" = NEW."party" AND "kind" = NEW."kind" AND ("clearing_date", "sequence") <> (NEW."clearing_date", NEW."sequence");
  IF NEW."terms" IS NOT NULL AND (NEW."after_adjusted_no" <> reached OR NEW."up_to_adjusted_no" < reached) THEN
    RAISE EXCEPTION 'a batch takes adjustments from where the one before it ended'
      USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'clearing_batch_adjusted_in_turn';
  END IF;
  RETURN NULL;
END
$$;--> statement-breakpoint
CREATE TRIGGER "clearing_batch_adjusted_in_turn" AFTER INSERT ON "clearing_batch" FOR EACH ROW EXECUTE FUNCTION "judge_adjusted_range"();
