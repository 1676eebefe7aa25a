-- phase: expand
-- verify: SELECT count(*) = 1 FROM information_schema.columns WHERE table_name = 'orders' AND column_name = 'currency'
-- The column first, without a default: no row is written. The default then holds for new rows, whoever inserts them.
ALTER TABLE orders ADD COLUMN currency text;
ALTER TABLE orders ALTER COLUMN currency SET DEFAULT 'EUR';
