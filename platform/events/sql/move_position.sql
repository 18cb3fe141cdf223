UPDATE position SET seq = ?;
