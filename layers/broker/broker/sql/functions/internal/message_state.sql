-- Return the state of a message: waiting, leased, dead, broadcast or consumed. p_queued: its row of the queue; p_seq: its
-- position in the log; each null when there is none.
CREATE OR REPLACE FUNCTION broker.message_state(p_queued broker.queue, p_seq bigint)
RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN (p_queued).died_at IS NOT NULL THEN 'dead'
                WHEN (p_queued).leased_at IS NOT NULL AND (p_queued).ready_at > broker.call_time() THEN 'leased'
                WHEN (p_queued).message_id IS NOT NULL THEN 'waiting'
                WHEN p_seq IS NOT NULL THEN 'broadcast'
                ELSE 'consumed' END
$$;
