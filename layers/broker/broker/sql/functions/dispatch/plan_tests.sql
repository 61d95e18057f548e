-- Read what is sent under the webhook_ids of tests, as plan_batches does: one message of no log. Nothing is leased: fence is 0, which
-- no lease has, so record_attempts stores the outcome as an attempt, and it changes nothing. No row for a subscription that was
-- removed since.
CREATE OR REPLACE FUNCTION broker.plan_tests(p_webhook_ids text[])
RETURNS TABLE (subscription_id uuid, fence bigint, url text, headers json, secrets text[], webhook_id text,
               first_seq bigint, last_seq bigint, attempt integer, retry_schedule integer[], ordered boolean,
               redelivery uuid, body text, broadcast_at timestamptz)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = broker, pg_temp SET jit = off
-- planned once a session, by index only: see consume.sql
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY
    SELECT s.id, 0::bigint, s.url, s.headers, live_secrets(s.secrets, s.old_secrets_until), w.id, 0::bigint, 0::bigint, 1,
           s.retry_schedule, s.ordered, NULL::uuid,
           '{"topic":"' || t.name || '","subscription":"' || s.id || '","test":true,"messages":['
               || message_json(p.message_id, 0, '{"test":true}', 'pgbroker', NULL, NULL, call_time()) || ']}',
           NULL::timestamptz
      FROM unnest(p_webhook_ids) w (id), webhook_id_parts(w.id) p, subscriptions s, topics t
     WHERE s.id = ANY (ARRAY[split_part(w.id, '_', 1)::uuid]) AND t.id = ANY (ARRAY[s.topic_id]) AND t.deleted_at IS NULL;
END
$$;
