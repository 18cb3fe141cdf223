ATTACH '{path}' AS store ({file});
FORCE CHECKPOINT store;
DETACH store;
