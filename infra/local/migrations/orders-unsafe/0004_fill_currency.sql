-- phase: data
-- batch: 100
-- verify: SELECT NOT EXISTS (SELECT FROM orders WHERE currency IS NULL)
UPDATE orders SET currency = 'EUR'
WHERE id IN (SELECT id FROM orders WHERE currency IS NULL ORDER BY id LIMIT $1);
