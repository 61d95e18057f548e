import { html, useState } from "./vendor.js";
import { Attempts } from "./attempts.js";
import { DeliveryPlot } from "./delivery-plot.js";
import { act, show } from "./dialog.js";
import { capped, number } from "./format.js";
import { State, stateOf } from "./icons.js";
import { useAnswer } from "./live.js";
import { Answer, Copy, Curl, Do, Empty, Facts, Heading, Id, Story } from "./parts.js";
import { link } from "./router.js";
import { may } from "./session.js";
import { showSent } from "./sent.js";
import { ChangeSubscription } from "./change-subscription.js";
import { Rotate, Turn, Unsubscribe } from "./subscription-actions.js";
import { outcomeOf, schedule, subscriptionStory } from "./subscription-story.js";
import { Pairs } from "./table.js";
import { Time } from "./time.js";

export function Subscription({ topic, id }) {
  const path = { topic, id };
  const answer = useAnswer("readSubscription", { path });
  const { data, error } = answer;
  const trail = [["Topics", "#/topics"], [topic, link(["topics", topic])], ["Subscriptions", link(["topics", topic, "subscriptions"])]];
  return html`<${Heading} trail=${trail} actions=${data && html`<${SubscriptionActions} subscription=${data} refresh=${answer.refresh} />`}>
      ${data ? data.name : "Subscription"} ${data && html`<${State} of=${stateOf(data)} />`}</${Heading}>
    ${error?.status === 404 && !data ? html`<${Empty} title="No such subscription: it may have been deleted">
      <p><code>${id}</code></p><p><a href=${link(["topics", topic, "subscriptions"])}>The subscriptions of ${topic}</a></p></${Empty}>`
    : html`<${Answer} answer=${answer} rows=${6}>${(subscription) => html`<${FoundSubscription} subscription=${subscription} />`}</${Answer}>`}
    <${Curl} operation="readSubscription" path=${path} />`;
}

function SubscriptionActions({ subscription, refresh }) {
  const { topic, id, name, state, paused_at, disabled_at } = subscription;
  const turn = (kind, primary) => html`<${Turn} kind=${kind} topic=${topic} subscription=${subscription}
    refresh=${refresh} primary=${primary} />`;
  const sent = (answer) => showSent(subscription, answer.webhook_id);
  const test = () => act("testSubscription", { path: { topic, id } }, `A test is sent to ${name}`, sent);
  const open = (dialog) => () => show(dialog, { subscription, refresh });
  return html`<div class="buttons">
    ${disabled_at && turn("enable", true)}
    ${state === "waiting" && turn("retry", true)}
    ${paused_at ? turn("resume", !disabled_at) : turn("pause")}
    <${Do} operation="testSubscription" topic=${topic} onClick=${test}>Send a test</${Do}>
    <${Do} operation="rotateSecret" topic=${topic} onClick=${open(Rotate)}>Rotate secret…</${Do}>
    <${Do} operation="changeSubscription" topic=${topic} onClick=${open(ChangeSubscription)}>Change…</${Do}>
    <${Do} operation="unsubscribe" topic=${topic} danger onClick=${open(Unsubscribe)}>Unsubscribe…</${Do}>
  </div>`;
}

function FoundSubscription({ subscription }) {
  const { topic, id, url, state, cursor, behind, redeliveries, dead_letters, lost, failures } = subscription;
  const { last_attempt, due_at, old_secrets_until } = subscription;
  const dead = link(["topics", topic, "dead-letters"], { subscription: id });
  return html`<${Story} tell=${() => subscriptionStory(subscription)} />
    <section class="card" aria-label="Facts">
      <p class="url"><code>${url}</code> ${may("changeSubscription", topic) && html`<${Copy} text=${url} label="" what="the url" />`}</p>
      <${Facts} facts=${[
        ["cursor", `${number(cursor)} of ${number(cursor + behind)}`],
        ["behind", number(behind)],
        ["redeliveries", capped(redeliveries)],
        ["dead letters", dead_letters > 0 ? html`<a href=${dead}>${capped(dead_letters)}</a>` : "0"],
        ["lost", lost ? `${number(lost.from_seq)} – ${number(lost.to_seq)}` : "–"],
        ["failures", number(failures)],
        ["last attempt", html`<${Time} at=${last_attempt?.started_at} />`, last_attempt && outcomeOf(last_attempt)],
        ["next due", ["paused", "disabled"].includes(state) ? "–" : html`<${Time} at=${due_at} due />`],
        old_secrets_until && ["older secrets until", html`<${Time} at=${old_secrets_until} due />`],
        ["id", html`<${Id} id=${id} />`],
      ]} />
    </section>
    <${DeliveryPlot} topic=${topic} id=${id} />
    ${may("listAttempts", topic) && html`<${Log} topic=${topic} id=${id} />`}
    <${SubscriptionSettings} subscription=${subscription} />`;
}

function Log({ topic, id }) {
  const [failed, setFailed] = useState(false);
  return html`<section><div class="bar"><h2>Attempts</h2>
      <div class="choice" role="group" aria-label="Which attempts">${[[false, "all"], [true, "failed"]].map(([value, text]) =>
        html`<button type="button" key=${text} aria-pressed=${failed === value} onClick=${() => setFailed(value)}>${text}</button>`)}</div></div>
    <${Attempts} key=${failed} topic=${topic} subscription=${id} failed=${failed} />
  </section>`;
}

function SubscriptionSettings({ subscription }) {
  const { batch_size, retry_schedule, ordered, rate_per_second, backlog_days, headers, created_at, updated_at } = subscription;
  return html`<section><h2>Settings</h2><div class="card"><${Facts} facts=${[
    ["batch size", number(batch_size)],
    ["retry schedule", schedule(retry_schedule)],
    ["ordered", ordered ? "yes" : "no"],
    ["rate per second", rate_per_second ? number(rate_per_second) : "no limit"],
    ["backlog days", number(backlog_days)],
    ["created", html`<${Time} at=${created_at} />`],
    ["updated", html`<${Time} at=${updated_at} />`],
    Object.keys(headers).length > 0 && ["headers", html`<${Pairs} of=${headers} />`],
  ]} /></div></section>`;
}
