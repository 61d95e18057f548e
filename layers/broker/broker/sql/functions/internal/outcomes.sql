-- Read the outcomes that record_attempts is given, a row each.
CREATE OR REPLACE FUNCTION broker.outcomes(p_outcomes json)
RETURNS TABLE (subscription_id uuid, fence bigint, webhook_id text, first_seq bigint, last_seq bigint, attempt integer,
               started_at timestamptz, duration_ms integer, status integer, reason text, answer text, action text,
               retry_seconds real, refused uuid[], redelivery uuid, pause_seconds real)
LANGUAGE sql STABLE AS $$
    SELECT * FROM json_to_recordset(p_outcomes) AS o (
        subscription_id uuid, fence bigint, webhook_id text, first_seq bigint, last_seq bigint, attempt integer,
        started_at timestamptz, duration_ms integer, status integer, reason text, answer text, action text,
        retry_seconds real, refused uuid[], redelivery uuid, pause_seconds real)
$$;
