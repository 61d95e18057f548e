-- List the topics with most rows of the queue, the largest first, as the last ANALYZE saw them: 100 at most. It reads no table.
CREATE OR REPLACE FUNCTION broker.largest_topics()
RETURNS TABLE (topic_id integer, nth bigint)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT u.id, u.nth
      FROM pg_catalog.pg_stats s, unnest(s.most_common_vals::text::integer[]) WITH ORDINALITY u (id, nth)
     WHERE s.schemaname = 'broker' AND s.tablename = 'queue' AND s.attname = 'topic_id';
END
$$;
