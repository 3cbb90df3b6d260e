-- What terminals are given and what they say of themselves; names of hotlisted cards for the lists of terminals; terminals that make
-- their own key. Rows of before stay as they are: a hotlisted card without a sealed PAN is judged here and told to no terminal.
-- Locks: ACCESS EXCLUSIVE on terminal and hotlist_entry for the new columns (no rewrite), SHARE on hotlist_entry and hotlist_version
-- while indexes are built.
CREATE TABLE "list_piece" (
	"kind" text NOT NULL,
	"version" integer NOT NULL,
	"form" text NOT NULL,
	"piece_no" integer NOT NULL,
	"bytes" "bytea" NOT NULL,
	CONSTRAINT "list_piece_pk" PRIMARY KEY("kind","version","form","piece_no")
);
--> statement-breakpoint
CREATE TABLE "list_version" (
	"kind" text NOT NULL,
	"version" integer NOT NULL,
	"form" text NOT NULL,
	"scope" jsonb NOT NULL,
	"share_permille" integer NOT NULL,
	"valid_from" timestamp with time zone NOT NULL,
	"body_bytes" bigint NOT NULL,
	"body_sm3" text NOT NULL,
	"list_key_id" text,
	"statement" text NOT NULL,
	"key_id" text NOT NULL,
	"signature" "bytea" NOT NULL,
	"signed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "list_version_pk" PRIMARY KEY("kind","version","form")
);
--> statement-breakpoint
CREATE TABLE "terminal_code" (
	"terminal_id" text PRIMARY KEY NOT NULL,
	"code_sealed" "bytea" NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"tries_left" smallint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "terminal_fault" (
	"terminal_id" text NOT NULL,
	"fault_no" bigint NOT NULL,
	"code" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"line_id" text NOT NULL,
	"station_id" text,
	"detail" text,
	CONSTRAINT "terminal_fault_pk" PRIMARY KEY("terminal_id","fault_no")
);
--> statement-breakpoint
CREATE TABLE "terminal_held_version" (
	"terminal_id" text NOT NULL,
	"kind" text NOT NULL,
	"version" integer NOT NULL,
	"since" timestamp with time zone NOT NULL,
	CONSTRAINT "terminal_held_version_pk" PRIMARY KEY("terminal_id","kind","version")
);
--> statement-breakpoint
CREATE TABLE "terminal_state" (
	"terminal_id" text PRIMARY KEY NOT NULL,
	"last_seen_at" timestamp with time zone NOT NULL,
	"software" text NOT NULL,
	"lists" jsonb NOT NULL,
	"stale_lists" text[] NOT NULL,
	"queue_depth" integer NOT NULL,
	"refused_records" integer NOT NULL,
	"oldest_unsent_at" timestamp with time zone,
	"clock_skew_ms" bigint NOT NULL
);
--> statement-breakpoint
ALTER TABLE "terminal" ALTER COLUMN "sm2_public_key" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "hotlist_entry" ADD COLUMN "pan_sealed" "bytea";--> statement-breakpoint
ALTER TABLE "hotlist_entry" ADD COLUMN "list_name" "bytea";--> statement-breakpoint
ALTER TABLE "hotlist_entry" ADD COLUMN "list_key_id" text;--> statement-breakpoint
ALTER TABLE "terminal" ADD COLUMN "enrolled_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "terminal" ADD COLUMN "changed_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "terminal_code" ADD CONSTRAINT "terminal_code_terminal_fk" FOREIGN KEY ("terminal_id") REFERENCES "public"."terminal"("terminal_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "terminal_state" ADD CONSTRAINT "terminal_state_terminal_fk" FOREIGN KEY ("terminal_id") REFERENCES "public"."terminal"("terminal_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "terminal_fault_received" ON "terminal_fault" USING btree ("received_at");--> statement-breakpoint
CREATE INDEX "terminal_fault_code" ON "terminal_fault" USING btree ("code","received_at");--> statement-breakpoint
CREATE INDEX "hotlist_entry_added" ON "hotlist_entry" USING btree ("added_version");--> statement-breakpoint
CREATE INDEX "hotlist_entry_removed" ON "hotlist_entry" USING btree ("removed_version");--> statement-breakpoint
CREATE INDEX "hotlist_entry_list_name" ON "hotlist_entry" USING btree ("list_name");--> statement-breakpoint
CREATE INDEX "hotlist_version_published" ON "hotlist_version" USING btree ("published_at","version");