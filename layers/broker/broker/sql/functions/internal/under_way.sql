-- Return the subscriptions whose request is under way: no other is planned for them. It is planned as its callers say, who compare
-- with NOT IN (SELECT unnest(…)): that hashes them once, and <> ALL looks at each of a thousand for each row.
CREATE OR REPLACE FUNCTION broker.under_way()
RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT d.subscription_id FROM broker.deliveries d WHERE d.ends_at > broker.call_time());
END
$$;
