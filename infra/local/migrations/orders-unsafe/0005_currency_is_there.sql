-- phase: contract
ALTER TABLE orders ADD CONSTRAINT orders_currency_is_there CHECK (currency IS NOT NULL) NOT VALID;
