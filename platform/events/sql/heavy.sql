-- Until all of them are gone.
SELECT CASE WHEN EXISTS (FROM events WHERE seq <= heavy) THEN heavy ELSE 0 END
FROM position;
