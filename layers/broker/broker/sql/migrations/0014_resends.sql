-- When a message was asked to be sent once more to a subscription; null: it was refused. It makes the webhook_id of a resend.
ALTER TABLE redeliveries ADD COLUMN resent_at timestamptz;
