-- The columns that hold JSON hold nothing else. One setting that is not JSON breaks the tenant's site for every visitor:
-- the backend reads them all. A CHECK cannot be added to a table that is there, so a new table takes its place.

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

ALTER TABLE audit_log RENAME TO audit_log_unchecked;

CREATE TABLE audit_log (
    tenant_id   VARCHAR   NOT NULL CHECK (tenant_id = '<tenant>'),
    entry_id    VARCHAR   NOT NULL,
    occurred_at TIMESTAMP NOT NULL,
    actor       VARCHAR   NOT NULL,
    action      VARCHAR   NOT NULL,
    detail      VARCHAR   NOT NULL DEFAULT '{}' CHECK (json_valid(detail)),
    PRIMARY KEY (tenant_id, entry_id)
);

INSERT INTO audit_log (tenant_id, entry_id, occurred_at, actor, action, detail)
SELECT tenant_id, entry_id, occurred_at, actor, action, detail FROM audit_log_unchecked;

DROP TABLE audit_log_unchecked;
