-- Return a count as it is shown: exact up to 1,000.
CREATE OR REPLACE FUNCTION broker.capped(p_count bigint, p_exact boolean)
RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_build_object('count', least(p_count, 1000), 'exact', p_exact)
$$;
