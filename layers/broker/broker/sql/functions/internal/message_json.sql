-- Write a message of a webhook's body. By hand, because the json functions put spaces everywhere, and with ||, which
-- takes a tenth less than concat. Only key and attributes may be null. It is part of its caller's
-- statement.
CREATE OR REPLACE FUNCTION broker.message_json(
    p_id uuid, p_seq bigint, p_content json, p_sender text, p_key text, p_attributes json, p_created_at timestamptz)
RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT '{"id":"' || p_id || '","seq":' || p_seq || ',"content":' || p_content::text || ',"sender":' || to_json(p_sender)::text
           || ',"key":' || coalesce(to_json(p_key)::text, 'null') || ',"attributes":' || coalesce(p_attributes::text, 'null')
           || ',"created_at":"' || broker.rfc3339(p_created_at) || '"}'
$$;
