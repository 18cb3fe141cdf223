SET preserve_insertion_order = false;
DETACH DATABASE IF EXISTS rewritten;
