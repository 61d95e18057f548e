-- Read the receipts of a settle, a row each: the message and fence, the verb, its seconds (null: not given), and the pointer
-- to it in the request.
CREATE OR REPLACE FUNCTION broker.receipts(p_receipts json)
RETURNS TABLE (receipt text, message_id uuid, fence integer, verb text, seconds integer, reason text, pointer text)
LANGUAGE sql STABLE AS $$
    SELECT r.receipt, split_part(r.receipt, '.', 1)::uuid, split_part(r.receipt, '.', 2)::integer, verb,
           coalesce(item ->> 'delay_seconds', item ->> 'lease_seconds')::integer, item ->> 'reason',
           format('/%s/%s', verb, nth - 1)
      FROM unnest(ARRAY['ack', 'release', 'extend', 'reject']) verb,
           json_array_elements(p_receipts -> verb) WITH ORDINALITY e (item, nth),
           LATERAL (SELECT coalesce(item ->> 'receipt', item #>> '{}') AS receipt) r
$$;
