-- +goose Up

-- What Moesif's Management API has of a rule and we do not act upon: kept so that
-- scripts read what they wrote. extra is a JSON object.
CREATE TABLE rule_documents (
    app   TEXT NOT NULL,
    rule  TEXT NOT NULL,
    extra TEXT NOT NULL,
    PRIMARY KEY (app, rule)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE rule_documents;
