-- Up to when a subscription's webhooks are signed with its older secrets too: all but the first in secrets.
ALTER TABLE subscriptions ADD COLUMN old_secrets_until timestamptz;
