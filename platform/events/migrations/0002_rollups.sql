-- Rows carry the sequence number of the block that brought them. What is rolled
-- up is in the rollups; the rows behind it, the tail, are counted from events.
ALTER TABLE events ADD COLUMN seq BIGINT DEFAULT 0;
ALTER TABLE position ADD COLUMN rolled BIGINT DEFAULT -1; -- -1: nothing yet

-- How long a call took, as a bucket: 0 ends at 1 µs, and each further one 1.02/0.98
-- further than the one before it, so that every duration of a bucket is within
-- 2 % of its middle.
CREATE MACRO duration_bucket(us) AS
    CASE WHEN us <= 1 THEN 0 ELSE ceil(ln(us) / ln(1.02 / 0.98)) END::SMALLINT;

-- Rollups add up: each row is a part of what happened within a minute, an hour
-- or a day of UTC. durations has a letter for each bucket, U+0100 and its number,
-- with the number of events behind it unless that is 1; texts are added up by joining them.
CREATE TABLE traffic_minute (
    app            VARCHAR   NOT NULL,
    time           TIMESTAMP NOT NULL, -- begin
    route          VARCHAR   NOT NULL, -- '' for none
    verb           VARCHAR   NOT NULL,
    status         SMALLINT  NOT NULL,
    failed         BOOLEAN   NOT NULL, -- status >= 400, or no answer
    events         BIGINT    NOT NULL,
    calls          BIGINT    NOT NULL, -- sum of weights
    refused        BIGINT    NOT NULL, -- of the calls
    request_bytes  BIGINT    NOT NULL,
    response_bytes BIGINT    NOT NULL,
    first          TIMESTAMP NOT NULL,
    last           TIMESTAMP NOT NULL,
    durations      VARCHAR             -- null where no event has one
);
CREATE TABLE traffic_hour AS FROM traffic_minute;
CREATE TABLE traffic_day AS FROM traffic_minute;

CREATE TABLE companies_hour (
    app            VARCHAR   NOT NULL,
    time           TIMESTAMP NOT NULL,
    company_id     VARCHAR   NOT NULL, -- '' for nobody's calls
    failed         BOOLEAN   NOT NULL,
    events         BIGINT    NOT NULL,
    calls          BIGINT    NOT NULL,
    refused        BIGINT    NOT NULL,
    request_bytes  BIGINT    NOT NULL,
    response_bytes BIGINT    NOT NULL,
    first          TIMESTAMP NOT NULL,
    last           TIMESTAMP NOT NULL,
    durations      VARCHAR
);
CREATE TABLE companies_day AS FROM companies_hour;

-- By the day only: within an hour most users make too few calls to add up. Its
-- rows are the sets from which unique users are counted, exactly.
CREATE TABLE users_day (
    app            VARCHAR   NOT NULL,
    time           TIMESTAMP NOT NULL,
    company_id     VARCHAR   NOT NULL,
    user_id        VARCHAR   NOT NULL, -- '' for nobody's calls
    failed         BOOLEAN   NOT NULL,
    events         BIGINT    NOT NULL,
    calls          BIGINT    NOT NULL,
    refused        BIGINT    NOT NULL,
    request_bytes  BIGINT    NOT NULL,
    response_bytes BIGINT    NOT NULL,
    first          TIMESTAMP NOT NULL,
    last           TIMESTAMP NOT NULL,
    durations      VARCHAR
);
