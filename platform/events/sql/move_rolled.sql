UPDATE position SET rolled = ?;
