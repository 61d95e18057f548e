// Ids that a text could be. A webhook-id is <subscription>_<epoch>_<first message>_<digest of all, or "again">.

const UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const ID = new RegExp(`^${UUID}$`, "i");
const WEBHOOK_ID = new RegExp(`^(${UUID})_\\d+_(${UUID})_(\\w+)$`, "i");

// Return [id, what it is, if that is known] of each.
export function meanings(text) {
  if (ID.test(text)) return [[text.toLowerCase(), ""]];
  const webhook = WEBHOOK_ID.exec(text);
  if (!webhook) return [];
  const [, subscription, message, digest] = webhook;
  return [
    [message.toLowerCase(), digest === "again" ? "the message of the webhook" : "the first message of the webhook"],
    [subscription.toLowerCase(), "the subscription that got it"],
  ];
}
