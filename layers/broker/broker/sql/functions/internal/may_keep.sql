-- Return how many messages of a partition may be moved aside so that it can go: 10,000, or 1 % of it if that is more.
CREATE OR REPLACE FUNCTION broker.may_keep(p_name text)
RETURNS bigint
LANGUAGE sql STABLE AS $$
    SELECT greatest(10000, (c.reltuples * 0.01)::bigint) FROM pg_class c WHERE c.oid = to_regclass(format('broker.%I', 'messages_' || p_name))
$$;
