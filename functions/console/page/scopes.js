// What a token of each scope may do.
export const SCOPES = [
  ["publish", "store messages"],
  ["consume", "lease and settle messages"],
  ["subscribe", "register and change webhooks"],
  ["broadcast", "broadcast what is stored"],
  ["browse", "read topics, messages, subscriptions"],
  ["manage", "change, delete, redrive; read answers"],
  ["tokens", "mint and revoke tokens"],
];
