-- Make a UUIDv7 (RFC 9562) of the time p_ticks, in 1/4096 ms since 1970: 48 bits of milliseconds, then 12 bits that keep the
-- order within one. A batch counts its ticks up from one reading of the clock, so that its ids are in order for certain.
CREATE OR REPLACE FUNCTION broker.uuidv7(p_ticks bigint)
RETURNS uuid
LANGUAGE sql VOLATILE PARALLEL SAFE
-- 28672 is the version, 0x7000; the variant and the random bits are those of a UUIDv4, from its 20th character on
RETURN (lpad(to_hex(((p_ticks >> 12) << 16) | 28672 | (p_ticks & 4095)), 16, '0')
        || substr(gen_random_uuid()::text, 20))::uuid;
