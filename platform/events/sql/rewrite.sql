SET preserve_insertion_order = true;
ATTACH '{path}' AS rewritten ({file});
COPY FROM DATABASE "{name}" TO rewritten (DATA);
CHECKPOINT rewritten;
