-- +goose Up

-- The cohort that a rule named in a version, '' for none.
ALTER TABLE rule_versions ADD COLUMN cohort TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE rule_versions DROP COLUMN cohort;
