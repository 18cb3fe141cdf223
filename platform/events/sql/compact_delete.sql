DELETE FROM {table}
WHERE time >= make_timestamp(?::BIGINT) AND time < make_timestamp(?::BIGINT);
