import { html } from "./vendor.js";
import { count, duration, number, plural } from "./format.js";
import { relative, until } from "./time.js";

// Sentences that say why a subscription is as it is, made from the facts of readSubscription.

const failure = (attempt) => (attempt ? attempt.reason || `status ${attempt.status}` : "no response");

const STATES = {
  disabled: ({ disabled_at, disabled_reason, backlog_days }) =>
    `The broker disabled it ${relative(disabled_at)}: ${disabled_reason}. It keeps its position, and undelivered messages for ${plural(backlog_days, "day")}.`,
  paused: ({ paused_at, backlog_days }) =>
    `A request paused it ${relative(paused_at)}. It keeps its position, and undelivered messages for ${plural(backlog_days, "day")}.`,
  waiting: ({ failures, last_attempt, due_at }) =>
    failures > 0
      ? `${failures === 1 ? "The last attempt" : `The last ${number(failures)} attempts`} failed (${failure(last_attempt)}). It is tried again ${until(due_at)}.`
      : `It asked to wait (${failure(last_attempt)}). It is tried again ${until(due_at)}.`,
  active: ({ behind, last_attempt }) =>
    behind > 0
      ? `It is active, and ${plural(behind, "message")} behind.`
      : last_attempt
        ? `It has each message of the log. The last attempt was ${relative(last_attempt.started_at)}.`
        : "It is active. Nothing was sent to it within the retention.",
};

export function subscriptionStory(subscription) {
  const { redeliveries, lost, state, failures, url } = subscription;
  return [
    STATES[state](subscription),
    redeliveries > 0 && ` ${redeliveries === 1 ? "One message that it refused is" : `${count(redeliveries)} messages that it refused are`} sent again on their own.`.replace("is sent again on their", "is sent again on its"),
    lost && ` It lost the messages ${number(lost.from_seq)} to ${number(lost.to_seq)}: they were older than its backlog_days.`,
  ];
}

// What a retry schedule means: [5, 300] is "5 s, 5 min".
export const schedule = (seconds) => (seconds ? seconds.map((wait) => duration(wait)).join(", ") || "no retry" : "the broker's own");
