UPDATE position SET heavy = ?;
