-- phase: expand
-- Each of these would break or block the running revision: the runner refuses the file before it applies anything.
ALTER TABLE orders ALTER COLUMN total_cents TYPE numeric(12, 2) USING total_cents / 100.0;
ALTER TABLE orders RENAME COLUMN total_cents TO total;
ALTER TABLE orders ADD COLUMN reference uuid NOT NULL DEFAULT gen_random_uuid();
ALTER TABLE orders DROP COLUMN status;
