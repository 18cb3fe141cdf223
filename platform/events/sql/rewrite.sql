SET preserve_insertion_order = true;
ATTACH '{path}' AS rewritten (STORAGE_VERSION '{version}');
COPY FROM DATABASE "{name}" TO rewritten (DATA);
CHECKPOINT rewritten;
