"""Transport: what travels between Dispatch and Deliver, and how it is sent to SQS."""
