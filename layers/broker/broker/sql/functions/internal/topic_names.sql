-- Find the names of up to p_limit topics that p_patterns cover, after p_after, in their order. p_patterns: names, or prefixes that
-- end with *. p_search: only names that have it somewhere, in capitals or not. Such a call stops after reading 10,000 names: then
-- next is the last one that it read; else it is null.
-- Names are read from topics_name alone, within the bounds of each pattern. Of 100,000 topics, 10,000 names take 78 pages and 2.5 ms;
-- a narrow pattern like 'auto0499*', with 100 topics, 4 pages and 0.3 ms.
CREATE OR REPLACE FUNCTION broker.topic_names(
    p_patterns text[], p_after text, p_limit integer, p_search text, OUT names text[], OUT next text)
LANGUAGE plpgsql STABLE
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
    v_step  integer := CASE WHEN p_search IS NULL THEN p_limit ELSE 1000 END;
    v_left  integer := 10000;
    v_range record;
    v_after text;
    v_read  record;
BEGIN
    names := '{}';
    FOR v_range IN
        WITH ranges AS MATERIALIZED (
            SELECT left(p, -1) COLLATE "C" AS first, left(p, -1) || '~' COLLATE "C" AS beyond  -- ~ is in no name
              FROM unnest(p_patterns) p WHERE right(p, 1) = '*'
            UNION
            SELECT p COLLATE "C", p || '!' COLLATE "C" FROM unnest(p_patterns) p WHERE right(p, 1) <> '*'
        )
        SELECT r.* FROM ranges r  -- none is within another one, so names come in their order
         WHERE NOT EXISTS (SELECT FROM ranges w WHERE w.first <= r.first AND w.beyond >= r.beyond AND w <> r)
         ORDER BY r.first
    LOOP
        v_after := coalesce(p_after, '');
        LOOP
            SELECT count(*) AS count, max(n.name) AS last,
                   array_agg(n.name) FILTER (WHERE p_search IS NULL OR strpos(lower(n.name), lower(p_search)) > 0) AS found
              INTO v_read
              FROM (SELECT t.name FROM broker.topics t
                     WHERE t.deleted_at IS NULL AND t.name >= v_range.first AND t.name < v_range.beyond AND t.name > v_after
                     ORDER BY t.name LIMIT v_step) n;
            names := names || v_read.found;
            IF cardinality(names) >= p_limit THEN
                names := names[:p_limit];
                RETURN;
            END IF;
            EXIT WHEN v_read.count < v_step;
            v_after := v_read.last;
            v_left := v_left - v_read.count;
            IF v_left <= 0 THEN
                next := v_after;
                RETURN;
            END IF;
        END LOOP;
    END LOOP;
END
$$;
