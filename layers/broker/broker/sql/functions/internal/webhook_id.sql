-- Return the webhook_id of a request: its subscription and epoch, the first message, and the digest of all; without one it is a
-- redelivery, or in the epoch 0 a test.
CREATE OR REPLACE FUNCTION broker.webhook_id(p_subscription_id uuid, p_epoch integer, p_message_id uuid, p_digest bigint)
RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE  -- as concat_ws() is, or it would not be part of its caller's statement
RETURN concat_ws('_', p_subscription_id, p_epoch, p_message_id, coalesce(lpad(to_hex(p_digest), 16, '0'), CASE p_epoch WHEN 0 THEN 'test' ELSE 'again' END));
