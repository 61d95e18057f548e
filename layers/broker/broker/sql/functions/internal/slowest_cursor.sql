-- Return the cursor of the subscription of a topic that is farthest behind; null: the topic has none.
CREATE OR REPLACE FUNCTION broker.slowest_cursor(p_topic_id integer)
RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT least((SELECT c.cursor FROM broker.cursors c WHERE c.topic_id = p_topic_id AND c.resting ORDER BY c.cursor LIMIT 1),
                 (SELECT c.cursor FROM broker.cursors c WHERE c.topic_id = p_topic_id AND NOT c.resting ORDER BY c.cursor LIMIT 1))
$$;
