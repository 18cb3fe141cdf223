DROP TABLE compacted;
