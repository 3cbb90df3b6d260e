CREATE TABLE "account" (
	"account_id" text PRIMARY KEY NOT NULL,
	"code" text NOT NULL,
	"party" text,
	"name_en" text NOT NULL,
	"name_zh" text NOT NULL,
	"normal_side" text NOT NULL,
	"purse" text NOT NULL,
	CONSTRAINT "account_id_purse" UNIQUE("account_id","purse")
);
--> statement-breakpoint
CREATE TABLE "clearing_batch" (
	"party" text NOT NULL,
	"kind" text NOT NULL,
	"clearing_date" date NOT NULL,
	"sequence" integer NOT NULL,
	"file_name" text NOT NULL,
	"records" integer NOT NULL,
	"total_fen" bigint NOT NULL,
	"file_sm3" "bytea" NOT NULL,
	"file_sha256" "bytea" NOT NULL,
	"manifest" "bytea" NOT NULL,
	"manifest_sm3" "bytea" NOT NULL,
	"previous_manifest_sm3" "bytea",
	"signature" "bytea" NOT NULL,
	CONSTRAINT "clearing_batch_pk" PRIMARY KEY("party","kind","clearing_date","sequence")
);
--> statement-breakpoint
CREATE TABLE "cut_over" (
	"clearing_date" date PRIMARY KEY NOT NULL,
	"after_settled_no" bigint NOT NULL,
	"up_to_settled_no" bigint NOT NULL,
	"cut_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "journey" (
	"service_date" date NOT NULL,
	"pan_token" "bytea" NOT NULL,
	"journey_id" "bytea" NOT NULL,
	"psn" smallint NOT NULL,
	"bank_id" text,
	"operator_id" text NOT NULL,
	"line_id" text NOT NULL,
	"mode" text NOT NULL,
	"rail" text NOT NULL,
	"completeness" text NOT NULL,
	"entry_terminal_id" text,
	"entry_tap_sequence" bigint,
	"exit_terminal_id" text,
	"exit_tap_sequence" bigint,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone NOT NULL,
	"outcome" text NOT NULL,
	"cause" text,
	"list_fare_fen" bigint,
	"fare_fen" bigint,
	"rule_set_id" text,
	"rule_set_version" text,
	"concession_rule_id" text,
	"rider_category" text,
	"funder" text,
	"shortfall_fen" bigint,
	"claimed_fen" bigint,
	"trace" jsonb NOT NULL,
	"settled_no" bigint GENERATED ALWAYS AS IDENTITY (sequence name "journey_settled_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "journey_pk" PRIMARY KEY("service_date","pan_token","journey_id"),
	CONSTRAINT "journey_held_or_priced" CHECK (("journey"."outcome" = 'held') = ("journey"."fare_fen" is null))
);
--> statement-breakpoint
CREATE TABLE "posting" (
	"posting_id" "bytea" PRIMARY KEY NOT NULL,
	"cause_kind" text NOT NULL,
	"cause_id" "bytea" NOT NULL,
	"line_no" smallint NOT NULL,
	"service_date" date NOT NULL,
	"purse" text NOT NULL,
	"debit_account" text NOT NULL,
	"credit_account" text NOT NULL,
	"amount_fen" bigint NOT NULL,
	"corrects_posting_id" "bytea",
	"posted_no" bigint GENERATED ALWAYS AS IDENTITY (sequence name "posting_posted_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "posting_amount_positive" CHECK ("posting"."amount_fen" > 0),
	CONSTRAINT "posting_two_accounts" CHECK ("posting"."debit_account" <> "posting"."credit_account")
);
--> statement-breakpoint
CREATE TABLE "bank" (
	"bank_id" text PRIMARY KEY NOT NULL,
	"name_zh" text NOT NULL,
	"cnaps_code" text NOT NULL,
	"bic" text,
	"unionpay_id" text,
	"profile" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "bank_bin" (
	"bin" text PRIMARY KEY NOT NULL,
	"bank_id" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "ca_key" (
	"rid" text NOT NULL,
	"key_index" smallint NOT NULL,
	"algorithm" text NOT NULL,
	"public_key" "bytea" NOT NULL,
	"expires_on" date NOT NULL,
	CONSTRAINT "ca_key_pk" PRIMARY KEY("rid","key_index")
);
--> statement-breakpoint
CREATE TABLE "concession_enrolment" (
	"pan_token" "bytea" NOT NULL,
	"psn" smallint NOT NULL,
	"category" text NOT NULL,
	"evidence_kind" text NOT NULL,
	"birth_date_sealed" "bytea",
	"valid_from" date NOT NULL,
	"valid_to" date,
	"review_due_on" date,
	"revoked_on" date,
	CONSTRAINT "concession_enrolment_pk" PRIMARY KEY("pan_token","psn","category","valid_from")
);
--> statement-breakpoint
CREATE TABLE "hotlist_entry" (
	"pan_token" "bytea" NOT NULL,
	"psn" smallint NOT NULL,
	"added_version" integer NOT NULL,
	"removed_version" integer,
	"reason" text NOT NULL,
	CONSTRAINT "hotlist_entry_pk" PRIMARY KEY("pan_token","psn","added_version")
);
--> statement-breakpoint
CREATE TABLE "hotlist_version" (
	"version" integer PRIMARY KEY NOT NULL,
	"published_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "line" (
	"line_id" text PRIMARY KEY NOT NULL,
	"operator_id" text NOT NULL,
	"name_zh" text NOT NULL,
	"name_en" text NOT NULL,
	"mode" text NOT NULL,
	"network_id" text NOT NULL,
	"rail" text NOT NULL,
	"amount_fen" integer,
	"merchant_id" text NOT NULL,
	"merchant_name_zh" text NOT NULL,
	"mcc" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "operator" (
	"operator_id" text PRIMARY KEY NOT NULL,
	"name_zh" text NOT NULL,
	"name_en" text NOT NULL,
	"jurisdiction" text NOT NULL,
	"time_zone" text NOT NULL,
	"service_day_start" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "operator_token" (
	"token_sm3" "bytea" PRIMARY KEY NOT NULL,
	"label" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "refusal_count" (
	"calendar_date" date NOT NULL,
	"code" text NOT NULL,
	"terminal_id" text NOT NULL,
	"count" bigint NOT NULL,
	CONSTRAINT "refusal_count_pk" PRIMARY KEY("calendar_date","code","terminal_id")
);
--> statement-breakpoint
CREATE TABLE "station" (
	"station_id" text PRIMARY KEY NOT NULL,
	"line_id" text NOT NULL,
	"name_zh" text NOT NULL,
	"name_en" text NOT NULL,
	"metres" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "terminal" (
	"terminal_id" text PRIMARY KEY NOT NULL,
	"operator_id" text NOT NULL,
	"line_id" text NOT NULL,
	"station_id" text,
	"tap_kind" text NOT NULL,
	"sm2_public_key" "bytea" NOT NULL,
	"revoked_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "card" (
	"pan_token" "bytea" NOT NULL,
	"psn" smallint NOT NULL,
	"bank_id" text NOT NULL,
	"verified_certificate_sm3" "bytea" NOT NULL,
	CONSTRAINT "card_pk" PRIMARY KEY("pan_token","psn")
);
--> statement-breakpoint
CREATE TABLE "card_atc" (
	"pan_token" "bytea" NOT NULL,
	"psn" smallint NOT NULL,
	"atc" integer NOT NULL,
	"cryptogram" "bytea" NOT NULL,
	"terminal_id" text NOT NULL,
	"tap_sequence" bigint NOT NULL,
	CONSTRAINT "card_atc_pk" PRIMARY KEY("pan_token","psn","atc")
);
--> statement-breakpoint
CREATE TABLE "data_key" (
	"service_date" date PRIMARY KEY NOT NULL,
	"wrapping_key_version" integer NOT NULL,
	"wrapped_key" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tap" (
	"service_date" date NOT NULL,
	"pan_token" "bytea" NOT NULL,
	"terminal_id" text NOT NULL,
	"tap_sequence" bigint NOT NULL,
	"psn" smallint NOT NULL,
	"atc" integer NOT NULL,
	"tapped_at" timestamp with time zone NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"operator_id" text NOT NULL,
	"line_id" text NOT NULL,
	"station_id" text,
	"rail" text NOT NULL,
	"tap_kind" text NOT NULL,
	"amount_fen" bigint NOT NULL,
	"gate_decision" text NOT NULL,
	"rule_set_version" text NOT NULL,
	"hotlist_version" integer NOT NULL,
	"bank_id" text,
	"outcome" text NOT NULL,
	"cause" text,
	"atc_below_highest" smallint NOT NULL,
	"record_sm3" "bytea" NOT NULL,
	"record_iv" "bytea" NOT NULL,
	"record_sealed" "bytea" NOT NULL,
	CONSTRAINT "tap_pk" PRIMARY KEY("service_date","pan_token","terminal_id","tap_sequence")
);
--> statement-breakpoint
CREATE TABLE "tap_identity" (
	"terminal_id" text NOT NULL,
	"tap_sequence" bigint NOT NULL,
	"record_sm3" "bytea" NOT NULL,
	"outcome" text NOT NULL,
	"cause" text,
	"pan_token" "bytea" NOT NULL,
	"service_date" date NOT NULL,
	"repeats" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "tap_identity_pk" PRIMARY KEY("terminal_id","tap_sequence")
);
--> statement-breakpoint
CREATE TABLE "unsettled_tap" (
	"pan_token" "bytea" NOT NULL,
	"psn" smallint NOT NULL,
	"atc" integer NOT NULL,
	"terminal_id" text NOT NULL,
	"tap_sequence" bigint NOT NULL,
	"service_date" date NOT NULL,
	"tapped_at" timestamp with time zone NOT NULL,
	"operator_id" text NOT NULL,
	"line_id" text NOT NULL,
	"station_id" text,
	"rail" text NOT NULL,
	"tap_kind" text NOT NULL,
	"amount_fen" bigint NOT NULL,
	"bank_id" text,
	"outcome" text NOT NULL,
	"cause" text,
	"state" text NOT NULL,
	"accepted_no" bigint GENERATED ALWAYS AS IDENTITY (sequence name "unsettled_tap_accepted_no_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	CONSTRAINT "unsettled_tap_pk" PRIMARY KEY("pan_token","psn","atc","terminal_id","tap_sequence")
);
--> statement-breakpoint
ALTER TABLE "bank_bin" ADD CONSTRAINT "bank_bin_bank_id_bank_bank_id_fk" FOREIGN KEY ("bank_id") REFERENCES "public"."bank"("bank_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "line" ADD CONSTRAINT "line_operator_id_operator_operator_id_fk" FOREIGN KEY ("operator_id") REFERENCES "public"."operator"("operator_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "station" ADD CONSTRAINT "station_line_id_line_line_id_fk" FOREIGN KEY ("line_id") REFERENCES "public"."line"("line_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "terminal" ADD CONSTRAINT "terminal_operator_id_operator_operator_id_fk" FOREIGN KEY ("operator_id") REFERENCES "public"."operator"("operator_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "terminal" ADD CONSTRAINT "terminal_line_id_line_line_id_fk" FOREIGN KEY ("line_id") REFERENCES "public"."line"("line_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "terminal" ADD CONSTRAINT "terminal_station_id_station_station_id_fk" FOREIGN KEY ("station_id") REFERENCES "public"."station"("station_id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "journey_settled_no" ON "journey" USING btree ("settled_no");--> statement-breakpoint
CREATE INDEX "journey_entry_tap" ON "journey" USING btree ("entry_terminal_id","entry_tap_sequence");--> statement-breakpoint
CREATE INDEX "journey_exit_tap" ON "journey" USING btree ("exit_terminal_id","exit_tap_sequence");--> statement-breakpoint
CREATE INDEX "posting_cause" ON "posting" USING btree ("cause_kind","cause_id");--> statement-breakpoint
CREATE INDEX "refusal_count_code" ON "refusal_count" USING btree ("code");--> statement-breakpoint
CREATE INDEX "unsettled_tap_ready" ON "unsettled_tap" USING btree ("state","accepted_no");