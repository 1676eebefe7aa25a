-- phase: contract
-- statement-timeout: 20min
ALTER TABLE orders VALIDATE CONSTRAINT orders_currency_is_there;
