-- Make the partitions of the ring that are missing between p_from and p_until. Returns how many were made.
-- Each is an eighth of the retention wide, and min_width at least, so that there are ten at most. It begins a multiple of that width
-- after the partition before it, so a clock that jumps ahead leaves a hole, which is filled when it comes back. The first
-- one begins at 1970, so that a clock that was ahead may go back behind it. A partition whose removal has begun is attached
-- again. Each is built apart and attached: creating it in place would lock out every publisher.
-- While another transaction makes partitions, it returns at once if none is missing in the second after p_from; else it waits.
CREATE OR REPLACE FUNCTION broker.ensure_partitions(p_from timestamptz, p_until timestamptz)
RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = broker, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    v_at     timestamptz := p_from;
    v_found  partitions;
    v_locked boolean := false;
    v_width  interval := ring_width();
    v_ring   text;
    v_made   integer := 0;
BEGIN
    IF v_width < interval '1 day' THEN  -- as in tests: days ahead would be thousands of them
        p_until := least(p_until, p_from + 8 * v_width);
    END IF;
    LOOP
        SELECT * INTO v_found FROM partitions p WHERE p.begins_at <= v_at AND p.ends_at > v_at;
        IF v_found.attached THEN
            EXIT WHEN v_found.ends_at > p_until;
            v_at := v_found.ends_at;
            CONTINUE;
        END IF;
        IF NOT v_locked THEN
            PERFORM FROM ring FOR UPDATE SKIP LOCKED;
            IF NOT FOUND THEN
                EXIT WHEN v_at > p_from + interval '1 second';
                PERFORM FROM ring FOR UPDATE;
            END IF;
            v_locked := true;
            CONTINUE;  -- another transaction may have made it before it gave up the lock
        END IF;
        IF v_found.name IS NULL THEN
            SELECT max(p.ends_at) INTO v_found.begins_at FROM partitions p WHERE p.ends_at <= v_at;
            IF v_found.begins_at IS NULL THEN
                v_found.begins_at := 'epoch';
                v_found.ends_at := date_trunc('day', v_at, 'UTC') + v_width;
            ELSE
                v_found.begins_at := v_found.begins_at
                    + floor(extract(epoch FROM v_at - v_found.begins_at) / extract(epoch FROM v_width))::float8 * v_width;
                v_found.ends_at := v_found.begins_at + v_width;
            END IF;
            v_found.name := regexp_replace(to_char(v_found.begins_at AT TIME ZONE 'UTC', 'YYYYMMDD_HH24MISS_MS'), '_000$', '');
            FOREACH v_ring IN ARRAY rings() LOOP
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', v_ring || '_' || v_found.name, v_ring);
            END LOOP;
            INSERT INTO partitions (name, begins_at, ends_at)
            SELECT v_found.name, v_found.begins_at, least(v_found.ends_at, min(p.begins_at))
              FROM partitions p WHERE p.begins_at > v_at;
            v_made := v_made + 1;
        END IF;
        PERFORM attach_partition(v_found.name);
    END LOOP;
    RETURN v_made;
END
$$;
