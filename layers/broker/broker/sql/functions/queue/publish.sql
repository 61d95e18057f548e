-- Store one message, as publish_batch does: SELECT broker.publish('orders', '{"id": 1}').
CREATE OR REPLACE FUNCTION broker.publish(
    p_topic text, p_content json, p_sender text DEFAULT NULL, p_key text DEFAULT NULL, p_attributes json DEFAULT NULL)
RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp AS $$
BEGIN
    IF p_content IS NULL THEN
        PERFORM refuse_argument('p_content', 'is NULL; for a message without content publish the JSON null');
    END IF;
    -- json_build_object keeps the bytes of content
    RETURN (SELECT b.ids[1]
              FROM publish_batch(p_topic, json_build_array(json_build_object(
                       'content', p_content, 'key', p_key, 'attributes', p_attributes)), p_sender) b);
END
$$;
