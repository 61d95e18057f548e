import { duration, number, plural } from "./format.js";
import { relative, until } from "./time.js";

// Sentences that say why a subscription is as it is, made from the facts of readSubscription.

export const outcomeOf = (attempt) => (attempt ? attempt.reason || `status ${attempt.status}` : "no response");

const kept = ({ backlog_days }) => `It keeps its position, and undelivered messages for ${plural(backlog_days, "day")}.`;
const failed = (failures) => `The last ${failures === 1 ? "attempt" : `${number(failures)} attempts`} failed`;

const SENTENCES = {
  disabled: (subscription) =>
    `The broker disabled it ${relative(subscription.disabled_at)}: ${subscription.disabled_reason}. ${kept(subscription)}`,
  paused: (subscription) => `A request paused it ${relative(subscription.paused_at)}. ${kept(subscription)}`,
  waiting: ({ failures, last_attempt, due_at }) =>
    `${failures > 0 ? failed(failures) : "It asked to wait"} (${outcomeOf(last_attempt)}). It is tried again ${until(due_at)}.`,
  active: ({ behind, last_attempt }) =>
    `It is active, ${behind > 0 ? `${plural(behind, "message")} behind` : "at the end of the log"}. ` +
    (last_attempt ? `The last attempt was ${relative(last_attempt.started_at)} (${outcomeOf(last_attempt)}).` : "No attempt is known."),
};

export function subscriptionStory(subscription) {
  const { redeliveries, lost, state } = subscription;
  return [
    SENTENCES[state](subscription),
    redeliveries === 1 && " One message that it refused is sent again on its own.",
    redeliveries > 1 && ` ${number(redeliveries)} messages that it refused are sent again, each on its own.`,
    lost && ` It lost the messages ${number(lost.from_seq)} to ${number(lost.to_seq)}: they were older than its backlog_days.`,
  ];
}

// What a retry schedule means: [5, 300] is "5 s, 5 min".
export const schedule = (seconds) => (seconds ? seconds.map((wait) => duration(wait)).join(", ") || "no retry" : "the broker's own");
