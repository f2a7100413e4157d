-- A setting that is not JSON breaks the tenant's site for every visitor: the backend reads all of them, each as JSON.
-- So the table itself refuses one. A CHECK cannot be added to a table that is there: a new one takes its place.

ALTER TABLE settings RENAME TO settings_unchecked;

CREATE TABLE settings (
    tenant_id  VARCHAR   NOT NULL CHECK (tenant_id = '<tenant>'),
    key        VARCHAR   NOT NULL CHECK (length(key) > 0),
    value      VARCHAR   NOT NULL CHECK (json_valid(value)),
    updated_at TIMESTAMP NOT NULL,
    PRIMARY KEY (tenant_id, key)
);

INSERT INTO settings (tenant_id, key, value, updated_at)
SELECT tenant_id, key, value, updated_at FROM settings_unchecked;

DROP TABLE settings_unchecked;
