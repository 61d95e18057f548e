-- Write a message of a webhook's body. By hand, because the json functions put spaces everywhere. It is part of its caller's
-- statement.
CREATE OR REPLACE FUNCTION broker.message_json(
    p_id uuid, p_seq bigint, p_content json, p_sender text, p_key text, p_attributes json, p_created_at timestamptz)
RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT concat('{"id":"', p_id, '","seq":', p_seq, ',"content":', p_content, ',"sender":', to_json(p_sender),
                  ',"key":', coalesce(to_json(p_key), 'null'), ',"attributes":', coalesce(p_attributes, 'null'),
                  ',"created_at":"', broker.rfc3339(p_created_at), '"}')
$$;
