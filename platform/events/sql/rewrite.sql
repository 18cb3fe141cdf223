COPY FROM DATABASE "{name}" TO rewritten (DATA);
CHECKPOINT rewritten;
