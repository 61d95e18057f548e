-- Return those of p_ids that are topics, not deleted, whose name is like one of p_likes; null: whatever their names.
CREATE OR REPLACE FUNCTION broker.live_topics(p_ids integer[], p_likes text[])
RETURNS integer[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- one walk of the index for all: asking for each of 5,000 took ten times as long
    RETURN ARRAY(SELECT t.id FROM broker.topics t
                  WHERE t.id = ANY (p_ids) AND t.deleted_at IS NULL AND (p_likes IS NULL OR t.name LIKE ANY (p_likes)));
END
$$;
