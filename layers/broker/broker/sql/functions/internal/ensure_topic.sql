-- Create a topic with the default settings unless it exists. Returns whether it was created. Raises MB400 when the name is not
-- valid; MB409 when p_token_id has made as many topics as limits allows.
CREATE OR REPLACE FUNCTION broker.ensure_topic(p_topic text, p_token_id uuid)
RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    v_limit integer := (SELECT l.topics_per_token FROM broker.limits l);
BEGIN
    IF (p_topic ~ '^[A-Za-z0-9._-]{1,128}$') IS NOT TRUE THEN
        PERFORM broker.refuse_argument('p_topic', 'must have 1 to 128 characters of A-Z a-z 0-9 . _ -');
    ELSIF EXISTS (SELECT FROM broker.topics t WHERE t.created_by = p_token_id AND t.deleted_at IS NULL OFFSET v_limit - 1) THEN
        RAISE EXCEPTION 'the caller has created % topics, and may create no more', v_limit USING ERRCODE = 'MB409';
    END IF;
    WITH created AS (
        INSERT INTO broker.topics (name, created_by) VALUES (p_topic, p_token_id)
        ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING
        RETURNING id
    )
    INSERT INTO broker.topic_states (topic_id) SELECT c.id FROM created c;
    RETURN FOUND;
END
$$;
