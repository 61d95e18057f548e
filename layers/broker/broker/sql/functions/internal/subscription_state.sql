-- Return the state of a subscription: disabled, paused, waiting (its batch failed, or a failed redelivery asked to wait) or
-- active: the first that fits.
CREATE OR REPLACE FUNCTION broker.subscription_state(p_cursor broker.cursors)
RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN (p_cursor).disabled_at IS NOT NULL THEN 'disabled'
                WHEN (p_cursor).paused_at IS NOT NULL THEN 'paused'
                WHEN ((p_cursor).batch_last_seq IS NOT NULL OR (p_cursor).redelivery_due_at IS NOT NULL)
                     AND (p_cursor).due_at > broker.call_time() THEN 'waiting'
                ELSE 'active' END
$$;
