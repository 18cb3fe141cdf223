-- Headers and bodies are most of the file. Zstandard leaves a third of what the
-- default leaves, and reading a single one costs the same. The file must be of
-- DuckDB's storage version 1.2 or later, which Open takes care of.
CREATE TABLE packed_events (
    app              VARCHAR   NOT NULL,
    transaction_id   VARCHAR   NOT NULL,
    time             TIMESTAMP NOT NULL, -- UTC
    received_at      TIMESTAMP NOT NULL,
    ahead            BOOLEAN   NOT NULL, -- the sender's clock was wrong: time is received_at
    late             BOOLEAN   NOT NULL, -- arrived more than 5 minutes after it happened
    duration_us      BIGINT,             -- null when there was no answer, or it has no time
    user_id          VARCHAR,
    company_id       VARCHAR,
    subscription_id  VARCHAR,
    session          VARCHAR,
    verb             VARCHAR   NOT NULL,
    scheme           VARCHAR,
    host             VARCHAR,
    path             VARCHAR   NOT NULL,
    query            VARCHAR,
    uri              VARCHAR,            -- only where the four before do not make it up
    route            VARCHAR,
    route_guessed    BOOLEAN   NOT NULL,
    status           SMALLINT  NOT NULL, -- 0: no answer
    answered         BOOLEAN   NOT NULL,
    ip               VARCHAR,
    response_ip      VARCHAR,
    user_agent       VARCHAR,
    api_version      VARCHAR,
    direction        VARCHAR,
    request_bytes    BIGINT,
    response_bytes   BIGINT,
    weight           INTEGER   NOT NULL,
    blocked_by       VARCHAR,
    refused          VARCHAR,
    identity         VARCHAR   NOT NULL, -- verified, claimed or none
    request_headers  VARCHAR USING COMPRESSION zstd, -- JSON objects
    response_headers VARCHAR USING COMPRESSION zstd,
    metadata         VARCHAR,
    seq              BIGINT    NOT NULL  -- of the block
);
INSERT INTO packed_events SELECT * FROM events;
DROP TABLE events;
ALTER TABLE packed_events RENAME TO events;

CREATE TABLE packed_bodies (
    app               VARCHAR   NOT NULL,
    transaction_id    VARCHAR   NOT NULL,
    time              TIMESTAMP NOT NULL, -- of the event: narrows what is read
    request_body      VARCHAR USING COMPRESSION zstd, -- JSON values
    request_encoding  VARCHAR,
    response_body     VARCHAR USING COMPRESSION zstd,
    response_encoding VARCHAR
);
INSERT INTO packed_bodies SELECT * FROM bodies;
DROP TABLE bodies;
ALTER TABLE packed_bodies RENAME TO bodies;
