-- Raise MB400 for an argument of a verb.
CREATE OR REPLACE FUNCTION broker.refuse_argument(p_name text, p_detail text)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% %', p_name, p_detail USING ERRCODE = 'MB400', DETAIL = json_build_array(
        json_build_object('parameter', p_name, 'detail', p_detail));
END
$$;
