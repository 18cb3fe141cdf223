LEFT JOIN bodies USING (app, time, transaction_id)
