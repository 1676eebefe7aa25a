-- phase: expand
CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer text NOT NULL,
    status varchar(20) NOT NULL DEFAULT 'new',
    total_cents bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

INSERT INTO orders (customer, total_cents)
SELECT 'customer-' || number % 40, 100 * number FROM generate_series(1, 500) AS number;
