-- +goose Up

-- What Moesif's Management API has of a rule or cohort and we do not act upon: kept
-- so that scripts read what they wrote. extra is a JSON object.
CREATE TABLE management_documents (
    app   TEXT NOT NULL,
    id    TEXT NOT NULL, -- of the rule or cohort
    extra TEXT NOT NULL,
    PRIMARY KEY (app, id)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE management_documents;
