-- Return in which page of their partition the first messages are, or the last, whose ids are from p_from up to p_until: the median of
-- nine, since one may have got the room of a message that was deleted. Null when there is none.
CREATE OR REPLACE FUNCTION broker.page_of_messages(p_from uuid, p_until uuid, p_first boolean)
RETURNS bigint
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_indexscan = on
AS $$
BEGIN
    IF p_first THEN
        RETURN (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY (r.ctid::text::point)[0])
                  FROM (SELECT m.ctid FROM broker.messages m WHERE m.id >= p_from AND m.id < p_until
                         ORDER BY m.id LIMIT 9) r);
    END IF;
    RETURN (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY (r.ctid::text::point)[0])
              FROM (SELECT m.ctid FROM broker.messages m WHERE m.id >= p_from AND m.id < p_until
                     ORDER BY m.id DESC LIMIT 9) r);
END
$$;
