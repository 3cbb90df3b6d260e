-- How a gate's questions to the gateway have ended, as it says in its reports. Null: a terminal that never asks.
-- Lock: ACCESS EXCLUSIVE on terminal_state for a moment; no row is written.
ALTER TABLE "terminal_state" ADD COLUMN "asking" jsonb;
