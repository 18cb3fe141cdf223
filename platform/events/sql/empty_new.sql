DELETE FROM position;
DELETE FROM schema_version;
