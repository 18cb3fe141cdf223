-- +goose Up

-- The cohort whose members are a rule's customers; a rule without a row names
-- its customers itself. The cohort may be gone: then the rule is not served.
CREATE TABLE rule_cohorts (
    rule   INTEGER PRIMARY KEY REFERENCES rules (number) ON DELETE CASCADE,
    cohort TEXT NOT NULL
) STRICT;
CREATE INDEX rule_cohorts_cohort ON rule_cohorts (cohort);

-- +goose Down
DROP TABLE rule_cohorts;
