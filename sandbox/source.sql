CREATE TABLE countries (
    code CHAR(2) PRIMARY KEY,
    name VARCHAR(60) NOT NULL UNIQUE
);
CREATE TABLE customers (
    customer_id INTEGER PRIMARY KEY,
    first_name VARCHAR(60) NOT NULL,
    last_name VARCHAR(60) NOT NULL,
    email VARCHAR(120) NOT NULL UNIQUE,
    phone VARCHAR(20),
    birth_date DATE,
    newsletter BOOLEAN NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE TABLE addresses (
    address_id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (customer_id),
    street VARCHAR(120) NOT NULL,
    postal_code VARCHAR(12) NOT NULL,
    city VARCHAR(60) NOT NULL,
    country_code CHAR(2) NOT NULL REFERENCES countries (code)
);
CREATE TABLE categories (
    category_id INTEGER PRIMARY KEY,
    parent_id INTEGER REFERENCES categories (category_id),
    name VARCHAR(60) NOT NULL
);
CREATE TABLE suppliers (
    supplier_id INTEGER PRIMARY KEY,
    name VARCHAR(80) NOT NULL,
    contact_email VARCHAR(120),
    country_code CHAR(2) REFERENCES countries (code)
);
CREATE TABLE products (
    product_id INTEGER PRIMARY KEY,
    category_id INTEGER NOT NULL REFERENCES categories (category_id),
    supplier_id INTEGER NOT NULL REFERENCES suppliers (supplier_id),
    name VARCHAR(120) NOT NULL,
    description TEXT,
    price DECIMAL(10, 2) NOT NULL,
    weight_kg REAL,
    picture BLOB,
    discontinued BOOLEAN NOT NULL
);
CREATE TABLE warehouses (
    warehouse_id INTEGER PRIMARY KEY,
    name VARCHAR(60) NOT NULL,
    country_code CHAR(2) NOT NULL REFERENCES countries (code)
);
CREATE TABLE stock (
    warehouse_id INTEGER NOT NULL REFERENCES warehouses (warehouse_id),
    product_id INTEGER NOT NULL REFERENCES products (product_id),
    quantity INTEGER NOT NULL,
    counted_on DATE,
    PRIMARY KEY (warehouse_id, product_id)
);
CREATE TABLE employees (
    employee_id INTEGER PRIMARY KEY,
    manager_id INTEGER REFERENCES employees (employee_id),
    full_name VARCHAR(120) NOT NULL,
    email VARCHAR(120) NOT NULL,
    salary DECIMAL(10, 2) NOT NULL,
    hired_on DATE NOT NULL
);
CREATE TABLE orders (
    order_id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (customer_id),
    address_id INTEGER NOT NULL REFERENCES addresses (address_id),
    employee_id INTEGER REFERENCES employees (employee_id),
    status VARCHAR(12) NOT NULL,
    ordered_at TIMESTAMP NOT NULL,
    note TEXT
);
CREATE TABLE order_items (
    order_id INTEGER NOT NULL REFERENCES orders (order_id),
    line SMALLINT NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (product_id),
    quantity INTEGER NOT NULL,
    unit_price DECIMAL(10, 2) NOT NULL,
    PRIMARY KEY (order_id, line)
);
CREATE TABLE payments (
    payment_id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL UNIQUE REFERENCES orders (order_id),
    method VARCHAR(12) NOT NULL,
    iban VARCHAR(34),
    amount DECIMAL(12, 2) NOT NULL,
    paid_at TIMESTAMP
);
CREATE TABLE reviews (
    review_id INTEGER PRIMARY KEY,
    product_id INTEGER NOT NULL REFERENCES products (product_id),
    customer_id INTEGER NOT NULL REFERENCES customers (customer_id),
    rating SMALLINT NOT NULL,
    body TEXT,
    written_at TIMESTAMP NOT NULL
);
CREATE VIEW order_totals AS
    SELECT o.order_id, o.customer_id, o.ordered_at, SUM(i.quantity * i.unit_price) AS total
    FROM orders AS o JOIN order_items AS i ON i.order_id = o.order_id
    GROUP BY o.order_id, o.customer_id, o.ordered_at;
