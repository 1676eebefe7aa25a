-- no-transaction
-- phase: expand
CREATE INDEX CONCURRENTLY orders_by_customer ON orders (customer, created_at DESC);
