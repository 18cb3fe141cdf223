SELECT count(*) > ? * count(DISTINCT (app, time, failed, {dimensions}))
FROM {table}
WHERE time >= make_timestamp(?::BIGINT) AND time < make_timestamp(?::BIGINT);
