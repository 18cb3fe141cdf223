WITH hits AS ({hits})
SELECT k1, k2, k3, {metrics}, {letters}
FROM hits
GROUP BY k1, k2, k3
ORDER BY {order}, k1, k2, k3
LIMIT ? OFFSET ?;
