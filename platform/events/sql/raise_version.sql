SET max_vacuum_tasks = 0;
ATTACH '{path}' AS store ({file});
FORCE CHECKPOINT store;
DETACH store;
