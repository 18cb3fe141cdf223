ATTACH '{path}' AS store (STORAGE_VERSION '{version}');
FORCE CHECKPOINT store;
DETACH store;
