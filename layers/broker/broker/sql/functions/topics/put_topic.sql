-- Create a topic with these settings, or set them on the existing one: created says which.
-- due: it existed, and is an auto topic now, so Dispatch may move what waits in it. A new topic is empty. Raises MB400.
CREATE OR REPLACE FUNCTION broker.put_topic(p_topic text, p_broadcast text, p_lease_seconds integer, p_max_receives integer)
RETURNS TABLE (created boolean, due boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
BEGIN
    INSERT INTO topics AS t (name, broadcast, lease_seconds, max_receives)
    VALUES (p_topic, p_broadcast, p_lease_seconds, p_max_receives)
    ON CONFLICT (name) WHERE deleted_at IS NULL
    DO UPDATE SET broadcast = excluded.broadcast, lease_seconds = excluded.lease_seconds,
                  max_receives = excluded.max_receives, updated_at = statement_timestamp()
    RETURNING xmax = 0 INTO created;
    due := NOT created AND p_broadcast = 'auto';
    RETURN NEXT;
END
$$;
