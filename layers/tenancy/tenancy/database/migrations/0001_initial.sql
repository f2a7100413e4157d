-- A tenant's database. '<tenant>' stands for the tenant's name: each table admits that tenant's rows and no others.
-- Times are UTC. Money is in cents (hundredths of the currency's unit) with its ISO 4217 code.

CREATE TABLE schema_version (
    tenant_id  VARCHAR   NOT NULL CHECK (tenant_id = '<tenant>'),
    version    INTEGER   NOT NULL CHECK (version > 0),
    name       VARCHAR   NOT NULL,
    applied_at TIMESTAMP NOT NULL,
    PRIMARY KEY (tenant_id, version)
);

CREATE TABLE tenants (
    tenant_id     VARCHAR   NOT NULL CHECK (tenant_id = '<tenant>'),
    name          VARCHAR   NOT NULL CHECK (length(name) > 0),
    tier          VARCHAR   NOT NULL CHECK (tier IN ('basic', 'standard', 'premium')),
    contact_email VARCHAR,
    created_at    TIMESTAMP NOT NULL,
    updated_at    TIMESTAMP NOT NULL,
    PRIMARY KEY (tenant_id)
);

CREATE TABLE settings (
    tenant_id  VARCHAR   NOT NULL CHECK (tenant_id = '<tenant>'),
    key        VARCHAR   NOT NULL CHECK (length(key) > 0),
    value      VARCHAR   NOT NULL, -- JSON
    updated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (tenant_id, key)
);

CREATE TABLE users (
    tenant_id  VARCHAR   NOT NULL CHECK (tenant_id = '<tenant>'),
    user_id    VARCHAR   NOT NULL,
    email      VARCHAR   NOT NULL CHECK (length(email) > 0),
    role       VARCHAR   NOT NULL CHECK (role IN ('admin', 'staff')),
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (tenant_id, user_id)
);

CREATE TABLE products (
    tenant_id   VARCHAR   NOT NULL CHECK (tenant_id = '<tenant>'),
    product_id  VARCHAR   NOT NULL,
    name        VARCHAR   NOT NULL CHECK (length(name) > 0),
    description VARCHAR   NOT NULL DEFAULT '',
    category    VARCHAR   NOT NULL,
    unit        VARCHAR   NOT NULL, -- what the price is for: kg, unidad, litro, …
    price_cents BIGINT    NOT NULL CHECK (price_cents >= 0),
    currency    VARCHAR   NOT NULL CHECK (length(currency) = 3),
    available   BOOLEAN   NOT NULL DEFAULT true,
    created_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NOT NULL,
    PRIMARY KEY (tenant_id, product_id)
);

CREATE TABLE customers (
    tenant_id   VARCHAR   NOT NULL CHECK (tenant_id = '<tenant>'),
    customer_id VARCHAR   NOT NULL,
    name        VARCHAR   NOT NULL CHECK (length(name) > 0),
    email       VARCHAR,
    phone       VARCHAR,
    address     VARCHAR,
    created_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NOT NULL,
    PRIMARY KEY (tenant_id, customer_id)
);

CREATE TABLE orders (
    tenant_id   VARCHAR   NOT NULL CHECK (tenant_id = '<tenant>'),
    order_id    VARCHAR   NOT NULL,
    customer_id VARCHAR   NOT NULL,
    status      VARCHAR   NOT NULL CHECK (status IN ('placed', 'confirmed', 'delivered', 'cancelled')),
    total_cents BIGINT    NOT NULL CHECK (total_cents >= 0),
    currency    VARCHAR   NOT NULL CHECK (length(currency) = 3),
    note        VARCHAR   NOT NULL DEFAULT '',
    created_at  TIMESTAMP NOT NULL,
    updated_at  TIMESTAMP NOT NULL,
    PRIMARY KEY (tenant_id, order_id),
    FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, customer_id)
);

-- Name and price as they were when the order was placed: the catalogue may change, an order may not.
CREATE TABLE order_items (
    tenant_id        VARCHAR        NOT NULL CHECK (tenant_id = '<tenant>'),
    order_id         VARCHAR        NOT NULL,
    line             INTEGER        NOT NULL CHECK (line > 0),
    product_id       VARCHAR        NOT NULL,
    product_name     VARCHAR        NOT NULL,
    quantity         DECIMAL(12, 3) NOT NULL CHECK (quantity > 0),
    unit_price_cents BIGINT         NOT NULL CHECK (unit_price_cents >= 0),
    currency         VARCHAR        NOT NULL CHECK (length(currency) = 3),
    PRIMARY KEY (tenant_id, order_id, line),
    FOREIGN KEY (tenant_id, order_id) REFERENCES orders (tenant_id, order_id)
);

CREATE TABLE audit_log (
    tenant_id   VARCHAR   NOT NULL CHECK (tenant_id = '<tenant>'),
    entry_id    VARCHAR   NOT NULL,
    occurred_at TIMESTAMP NOT NULL,
    actor       VARCHAR   NOT NULL,
    action      VARCHAR   NOT NULL,
    detail      VARCHAR   NOT NULL DEFAULT '{}', -- JSON
    PRIMARY KEY (tenant_id, entry_id)
);
