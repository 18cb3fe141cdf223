-- One row per event. Nothing is unique by constraint: the journal has removed
-- duplicates, and an index over every id would cost more than the table.
CREATE TABLE events (
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
    request_headers  VARCHAR,            -- JSON objects
    response_headers VARCHAR,
    metadata         VARCHAR
);

-- Bodies, apart: they are kept for another time, and counting does not read them.
CREATE TABLE bodies (
    app               VARCHAR   NOT NULL,
    transaction_id    VARCHAR   NOT NULL,
    time              TIMESTAMP NOT NULL, -- of the event: narrows what is read
    request_body      VARCHAR,            -- JSON values
    request_encoding  VARCHAR,
    response_body     VARCHAR,
    response_encoding VARCHAR
);

CREATE TABLE actions (
    app             VARCHAR   NOT NULL,
    transaction_id  VARCHAR,
    time            TIMESTAMP NOT NULL,
    received_at     TIMESTAMP NOT NULL,
    ahead           BOOLEAN   NOT NULL,
    late            BOOLEAN   NOT NULL,
    action_name     VARCHAR   NOT NULL,
    user_id         VARCHAR,
    company_id      VARCHAR,
    subscription_id VARCHAR,
    session         VARCHAR,
    uri             VARCHAR,
    ip              VARCHAR,
    user_agent      VARCHAR,
    metadata        VARCHAR
);

-- Items that could not be stored.
CREATE TABLE dropped (
    app    VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    items  BIGINT  NOT NULL
);

-- The sequence number of the last block that is in the tables above.
CREATE TABLE position (
    seq UBIGINT NOT NULL
);
INSERT INTO position VALUES (0);
