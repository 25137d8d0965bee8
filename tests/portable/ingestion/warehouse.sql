CREATE SCHEMA sales;
CREATE SCHEMA reporting;
COMMENT ON SCHEMA sales IS 'What customers bought.';

CREATE TABLE sales.customers (
    customer_id integer PRIMARY KEY,
    full_name text NOT NULL,
    email text UNIQUE,
    country_code char(2) NOT NULL
);
COMMENT ON TABLE sales.customers IS 'Everybody who ever bought something.';
COMMENT ON COLUMN sales.customers.email IS 'Where bills are sent.';

CREATE TABLE sales.orders (
    order_id integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES sales.customers (customer_id),
    ordered_at timestamptz NOT NULL,
    amount numeric(10, 2) NOT NULL
);
COMMENT ON TABLE sales.orders IS 'One row for each order.';

CREATE VIEW reporting.revenue AS
SELECT c.country_code, sum(o.amount) AS amount
FROM sales.orders o
JOIN sales.customers c ON c.customer_id = o.customer_id
GROUP BY c.country_code;

CREATE TABLE reporting.daily_revenue (day date PRIMARY KEY, amount numeric(12, 2));

INSERT INTO sales.customers
SELECT n, 'Customer ' || n, 'customer' || n || '@example.com', (ARRAY ['AT', 'DE', 'FR'])[1 + n % 3]
FROM generate_series(1, 60) n;

INSERT INTO sales.orders
SELECT n, 1 + n % 60, timestamptz '2026-01-01' + n * interval '1 hour', n
FROM generate_series(1, 200) n;

ANALYZE;
