-- Return whether a filter with {"sender"?, "key"?, "reason"?} selects a dead letter.
CREATE OR REPLACE FUNCTION broker.is_selected(p_filter json, p_reason text, p_sender text, p_key text)
RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN (p_filter ->> 'reason' IS NULL OR p_reason = p_filter ->> 'reason')
       AND (p_filter ->> 'sender' IS NULL OR p_sender = p_filter ->> 'sender')
       AND (p_filter ->> 'key' IS NULL OR coalesce(p_key = p_filter ->> 'key', false));
