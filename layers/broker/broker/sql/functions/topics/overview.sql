-- Draw the live picture of the topics that p_patterns cover (names, or prefixes that end with *): rates, and up to p_limit
-- topics, the worst first, each with what waits and up to 20 subscriptions. openapi.yaml describes the document.
-- Whatever there is, it reads at most 5,000 messages, 2,000 attempts that failed, 1,000 subscriptions' attempts, 500 topics by each
-- sign of trouble, and 1,001 rows of each state of the topics that it shows. It writes nothing, and no verb writes a counter for it.
CREATE OR REPLACE FUNCTION broker.overview(p_patterns text[], p_limit integer)
RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_bitmapscan = off SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    v_all       boolean := '*' = ANY (p_patterns);
    v_likes     text[] := CASE WHEN NOT v_all
                          THEN ARRAY(SELECT replace(replace(p, '_', '\_'), '*', '%') FROM unnest(p_patterns) p) END;
    v_names     text[] := (SELECT n.names FROM topic_names(p_patterns, NULL, 1001, NULL) n);
    v_named     integer[] := ARRAY(SELECT t.id FROM topics t WHERE t.name = ANY (v_names) AND t.deleted_at IS NULL ORDER BY t.name);
    v_total     bigint := cardinality(v_named);
    v_since     timestamptz := rates_since();
    v_window    numeric := greatest(extract(epoch FROM call_time() - v_since), 0.1);
    v_seconds   numeric := CASE WHEN v_since <= call_time() - interval '0.1 seconds' THEN v_window END;  -- null: too many to count
    v_busy      integer[];  -- topics that were published to, the busiest first
    v_published bigint[];  -- of each of these, in the window
    v_attempts  bigint;  -- null: they cannot be known
    v_failed    record;
    v_chosen    integer[];
BEGIN
    SELECT array_agg(p.topic_id ORDER BY p.published DESC, p.topic_id), array_agg(p.published ORDER BY p.published DESC, p.topic_id)
      INTO v_busy, v_published
      FROM published_lately(v_likes, v_since) p;
    SELECT * INTO v_failed FROM failed_lately(v_likes, v_since);
    IF v_all OR v_total <= 1000 THEN
        v_attempts := attempted_lately(CASE WHEN NOT v_all THEN v_named END, v_since);
    END IF;
    v_chosen := notable_topics(CASE WHEN NOT v_all THEN v_named[:500] END, v_likes, v_failed.topic_ids, v_busy, v_named, p_limit);
    RETURN json_build_object(
        'at', call_time(), 'window_seconds', round(v_window, 3),
        'totals', CASE WHEN v_all THEN running_totals() END,
        'published_per_second', round(coalesce((SELECT sum(u) FROM unnest(v_published) u), 0) / v_seconds, 2),
        'attempts_per_second', round(v_attempts / v_seconds, 2),
        'failed_per_second', round(v_failed.failed / v_seconds, 2),
        'topics', json_build_object('total', CASE WHEN v_total <= 1000 THEN v_total
                                                  ELSE greatest(1001, estimate_topics(v_likes)) END, 'exact', v_total <= 1000),
        'items', (
            SELECT coalesce(json_agg(json_build_object(
                       'topic', t.name, 'broadcast', t.broadcast,
                       'published_per_second', round(r.published / v_seconds, 2),
                       'ready', capped(n.ready, n.ready <= 1000), 'leased', capped(n.leased, n.ahead <= 1000),
                       'delayed', capped(n.ahead - n.leased, n.ahead <= 1000),
                       'dead_letters', capped(n.dead, n.dead <= 1000), 'oldest_ready_at', n.oldest_ready_at,
                       'last_seq', h.last_seq,
                       'subscriptions_total', json_build_object('count', h.subscriptions, 'exact', true), 'subscriptions', s.items)
                       ORDER BY s.failing DESC, (n.dead = 0), n.oldest_ready_at NULLS LAST, r.published DESC, t.name), '[]')
              FROM unnest(v_chosen) c (id)
             CROSS JOIN LATERAL (SELECT x.* FROM topics x WHERE x.id = c.id OFFSET 0) t
             CROSS JOIN LATERAL (SELECT x.* FROM topic_states x WHERE x.topic_id = c.id OFFSET 0) h
             CROSS JOIN LATERAL (SELECT coalesce(v_published[array_position(v_busy, c.id)], 0) AS published OFFSET 0) r
             CROSS JOIN LATERAL count_states(c.id) n
             CROSS JOIN LATERAL worst_subscriptions(c.id, h.last_seq, v_since, v_seconds) s));
END
$$;
