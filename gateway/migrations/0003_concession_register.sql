-- The concession register: an id for each enrolment, what else the rules ask of a person beside the birth date, the PAN from which the
-- validators' list is made, revocation at an instant, and a history that is written once.
-- Locks: ACCESS EXCLUSIVE on concession_enrolment, rewritten once for its new id (a city's seniors: seconds).
CREATE TABLE "concession_event" (
	"event_no" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "concession_event_event_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"enrolment_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"by_label" text NOT NULL,
	"details" jsonb NOT NULL
);
--> statement-breakpoint
ALTER TABLE "concession_enrolment" ADD COLUMN "enrolment_id" uuid DEFAULT gen_random_uuid() NOT NULL;--> statement-breakpoint
-- A row of before holds a bare birth date under the same seal; the reader knows both forms.
ALTER TABLE "concession_enrolment" RENAME COLUMN "birth_date_sealed" TO "person_sealed";--> statement-breakpoint
ALTER TABLE "concession_enrolment" ADD COLUMN "pan_sealed" "bytea";--> statement-breakpoint
ALTER TABLE "concession_enrolment" ADD COLUMN "revoked_at" timestamp with time zone;--> statement-breakpoint
UPDATE "concession_enrolment" SET "revoked_at" = "revoked_on"::timestamp AT TIME ZONE 'UTC' WHERE "revoked_on" IS NOT NULL;--> statement-breakpoint
ALTER TABLE "concession_enrolment" DROP COLUMN "revoked_on";--> statement-breakpoint
CREATE INDEX "concession_event_enrolment" ON "concession_event" USING btree ("enrolment_id","event_no");--> statement-breakpoint
ALTER TABLE "concession_enrolment" ADD CONSTRAINT "concession_enrolment_id" UNIQUE("enrolment_id");--> statement-breakpoint
CREATE TRIGGER "concession_event_written_once" BEFORE UPDATE OR DELETE ON "concession_event" FOR EACH ROW EXECUTE FUNCTION "refuse_change_of_books"();--> statement-breakpoint
CREATE TRIGGER "concession_event_not_emptied" BEFORE TRUNCATE ON "concession_event" FOR EACH STATEMENT EXECUTE FUNCTION "refuse_change_of_books"();
