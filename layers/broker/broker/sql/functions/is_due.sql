-- Whether a subscription of the topic may be sent something now; without p_failing, not when it failed last time.
CREATE OR REPLACE FUNCTION broker.is_due(s broker.subscriptions, t broker.topics, p_failing boolean)
RETURNS boolean
LANGUAGE sql STABLE
RETURN s.paused_at IS NULL AND s.disabled_at IS NULL AND t.deleted_at IS NULL
   AND s.due_at <= statement_timestamp()
   AND (s.cursor < t.last_seq OR s.redelivery_due_at <= statement_timestamp())
   AND (p_failing OR s.failures = 0)
   AND coalesce(s.batch_last_seq, 0) <= t.last_seq;  -- its planner saw more of the log than this snapshot does
