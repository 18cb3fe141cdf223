CHECKPOINT rewritten;
