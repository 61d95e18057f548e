-- Return whether a subscription of a topic that may be sent to is behind p_last_seq. Of those that do not rest a hundred are looked
-- at: with more that are behind, one may. It is planned as its caller says.
CREATE OR REPLACE FUNCTION broker.any_behind(p_topic_id integer, p_last_seq bigint)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM broker.cursors c WHERE c.topic_id = p_topic_id AND c.resting AND c.cursor < p_last_seq)
           OR (SELECT bool_or(b.sendable) OR count(*) = 100
                 FROM (SELECT c.paused_at IS NULL AND c.disabled_at IS NULL AS sendable FROM broker.cursors c
                        WHERE c.topic_id = p_topic_id AND NOT c.resting AND c.cursor < p_last_seq LIMIT 100) b) IS TRUE;
END
$$;
