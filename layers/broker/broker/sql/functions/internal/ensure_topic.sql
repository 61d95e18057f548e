-- Create a topic with the default settings unless it exists. Raises MB400 when the name is not valid.
CREATE OR REPLACE FUNCTION broker.ensure_topic(p_topic text)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF p_topic IS NULL OR p_topic !~ '^[A-Za-z0-9._-]{1,128}$' THEN
        RAISE EXCEPTION 'the name of a topic has 1 to 128 characters of A-Z a-z 0-9 . _ -' USING ERRCODE = 'MB400';
    END IF;
    INSERT INTO broker.topics (name) VALUES (p_topic) ON CONFLICT (name) WHERE deleted_at IS NULL DO NOTHING;
END
$$;
