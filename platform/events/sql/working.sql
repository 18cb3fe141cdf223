SET threads = {threads};
SET max_vacuum_tasks = {joins};
