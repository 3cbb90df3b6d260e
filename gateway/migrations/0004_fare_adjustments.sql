-- What late rides change in charged fares, beside the journeys and never in them; the row that prices a held journey at last; and a journey
-- found by its id alone. Locks: ACCESS EXCLUSIVE on journey for the column (a moment), SHARE while its two indexes are built.
CREATE TABLE "fare_adjustment" (
	"adjustment_id" "bytea" PRIMARY KEY NOT NULL,
	"service_date" date NOT NULL,
	"pan_token" "bytea" NOT NULL,
	"journey_id" "bytea" NOT NULL,
	"cause_journey_id" "bytea" NOT NULL,
	"charged_fen" bigint NOT NULL,
	"fare_fen" bigint NOT NULL,
	"concession_rule_id" text,
	"funder" text,
	"claimed_fen" bigint,
	"trace" jsonb NOT NULL,
	"adjusted_no" bigint GENERATED ALWAYS AS IDENTITY (sequence name "fare_adjustment_adjusted_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "fare_adjustment_changes" CHECK ("fare_adjustment"."charged_fen" <> "fare_adjustment"."fare_fen"),
	CONSTRAINT "fare_adjustment_not_negative" CHECK ("fare_adjustment"."charged_fen" >= 0 and "fare_adjustment"."fare_fen" >= 0)
);
--> statement-breakpoint
ALTER TABLE "journey" ADD COLUMN "resolves_journey_id" "bytea";--> statement-breakpoint
CREATE INDEX "fare_adjustment_journey" ON "fare_adjustment" USING btree ("pan_token","journey_id","adjusted_no");--> statement-breakpoint
CREATE INDEX "journey_journey_id" ON "journey" USING btree ("journey_id");--> statement-breakpoint
CREATE INDEX "journey_held" ON "journey" USING btree ("settled_no") WHERE "journey"."outcome" = 'held';--> statement-breakpoint
CREATE TRIGGER "fare_adjustment_written_once" BEFORE UPDATE OR DELETE ON "fare_adjustment" FOR EACH ROW EXECUTE FUNCTION "refuse_change_of_books"();--> statement-breakpoint
CREATE TRIGGER "fare_adjustment_not_emptied" BEFORE TRUNCATE ON "fare_adjustment" FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change_of_books"();
