-- Raise MB400 for the p_nth message of a batch, which has more than 262,144 bytes. For its call in a statement it has a result.
CREATE OR REPLACE FUNCTION broker.refuse_too_large(p_nth bigint)
RETURNS json
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the message is too large' USING ERRCODE = 'MB400', DETAIL = json_build_array(
        json_build_object('pointer', format('/messages/%s', p_nth - 1),
                          'detail', 'content, attributes, sender and key have more than 262144 bytes'));
END
$$;
