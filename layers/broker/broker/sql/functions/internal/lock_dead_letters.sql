-- Lock messages in the order in which settle does. Returns the ids of those that are still dead letters.
CREATE OR REPLACE FUNCTION broker.lock_dead_letters(p_ids uuid[])
RETURNS uuid[]
LANGUAGE sql
BEGIN ATOMIC
    -- FILTER, not WHERE, as in find_dead_letters
    SELECT coalesce(array_agg(q.message_id) FILTER (WHERE q.died_at IS NOT NULL), '{}')
      FROM (SELECT w.message_id, w.died_at FROM broker.queue w
             WHERE w.message_id = ANY (p_ids) ORDER BY w.message_id FOR UPDATE) q;
END;
