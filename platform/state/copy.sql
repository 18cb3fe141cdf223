-- Into a file that is empty or is not there.
VACUUM INTO ?;
