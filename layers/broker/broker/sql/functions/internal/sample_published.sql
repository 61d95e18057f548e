-- Estimate how many messages of a topic have an id from p_from up to p_until, within one partition. Messages are stored in the order
-- in which they come: of the pages between the first ones and the last ones, p_pages are read. The time between some messages would
-- not do: it makes millions of a batch, or nothing.
CREATE OR REPLACE FUNCTION broker.sample_published(p_topic_id integer, p_from uuid, p_until uuid, p_pages integer)
RETURNS bigint
LANGUAGE plpgsql STABLE
-- planned once a session, by page only
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_indexscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    v_first bigint := broker.page_of_messages(p_from, p_until, true);
    v_last  bigint := broker.page_of_messages(p_from, p_until, false);
    v_pages bigint := abs(v_last - v_first) + 1;
    v_read  bigint := least(v_pages, p_pages);
    v_found bigint;
BEGIN
    SELECT sum(f.count) INTO v_found
      FROM generate_series(0, v_read - 1) n,
           LATERAL (SELECT least(v_first, v_last) + (2 * n + 1) * v_pages / (2 * v_read) AS page OFFSET 0) s,
           LATERAL (SELECT count(*) FROM broker.messages m
                     WHERE m.ctid >= format('(%s,0)', s.page)::tid AND m.ctid < format('(%s,0)', s.page + 1)::tid
                       AND m.id >= p_from AND m.id < p_until AND m.topic_id = p_topic_id) f;
    RETURN coalesce(round(v_found * v_pages / v_read::numeric), 0);
END
$$;
