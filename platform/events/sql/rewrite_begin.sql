SET preserve_insertion_order = true;
ATTACH '{path}' AS rewritten ({file});
