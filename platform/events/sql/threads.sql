SET threads = {threads};
