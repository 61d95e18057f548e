-- Return the settings that a subscriber may give, in the form of the request.
CREATE OR REPLACE FUNCTION broker.subscription_settings(p_row broker.subscriptions)
RETURNS jsonb
LANGUAGE sql STABLE
RETURN jsonb_build_object('url', p_row.url, 'headers', p_row.headers::jsonb, 'batch_size', p_row.batch_size,
                          'retry_schedule', p_row.retry_schedule, 'ordered', p_row.ordered,
                          'rate_per_second', p_row.rate_per_second, 'backlog_days', p_row.backlog_days);
