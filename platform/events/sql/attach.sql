ATTACH IF NOT EXISTS '{path}' AS store ({options});
USE store;
