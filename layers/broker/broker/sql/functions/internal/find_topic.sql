-- Return the row of a topic by its name. Raises MB404 when there is none. For the verbs: it runs with the caller's rights.
CREATE OR REPLACE FUNCTION broker.find_topic(p_topic text)
RETURNS broker.topics
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_topic broker.topics;
BEGIN
    SELECT * INTO v_topic FROM broker.topics t WHERE t.name = p_topic AND t.deleted_at IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no topic "%"', p_topic USING ERRCODE = 'MB404';
    END IF;
    RETURN v_topic;
END
$$;
