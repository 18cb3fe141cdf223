-- What was deleted after it was stored, so that the books still say how much was.
CREATE TABLE deleted (
    app    VARCHAR NOT NULL,
    what   VARCHAR NOT NULL, -- events, actions, bodies or rollups
    reason VARCHAR NOT NULL, -- retention or erased
    items  BIGINT  NOT NULL
);
