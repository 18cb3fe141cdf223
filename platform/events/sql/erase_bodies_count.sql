SELECT count(*)
FROM bodies
WHERE app = ?1
  AND EXISTS (
      FROM events
      WHERE events.app = ?1 AND events.{column} = ?2
        AND events.time = bodies.time AND events.transaction_id = bodies.transaction_id
  );
