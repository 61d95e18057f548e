-- Return when the next request to a subscription is due; null: nothing is pending. p_ends_at: when the lease of the one that is
-- under way ends; null: none is.
CREATE OR REPLACE FUNCTION broker.subscription_due_at(p_cursor broker.cursors, p_last_seq bigint, p_ends_at timestamptz)
RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN (p_cursor).cursor < p_last_seq THEN coalesce(p_ends_at, (p_cursor).due_at, broker.call_time())
                WHEN (p_cursor).redelivery_due_at IS NOT NULL
                THEN coalesce(p_ends_at, greatest((p_cursor).due_at, (p_cursor).redelivery_due_at)) END
$$;
