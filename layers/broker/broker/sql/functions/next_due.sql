-- When the next subscription that is behind is due, of all topics: in the past when one is due now, null when none is.
CREATE OR REPLACE FUNCTION broker.next_due()
RETURNS timestamptz
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = broker, pg_temp
RETURN (SELECT min(s.due_at)
          FROM broker.subscriptions s JOIN broker.topics t ON t.id = s.topic_id
         WHERE t.deleted_at IS NULL AND s.paused_at IS NULL AND s.disabled_at IS NULL AND s.cursor < t.last_seq);
