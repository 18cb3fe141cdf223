INSERT INTO deleted VALUES (?, ?, ?, ?);
