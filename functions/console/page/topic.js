import { html } from "./vendor.js";
import { broadcastAll } from "./broadcast.js";
import { CreateTopic } from "./create-topic.js";
import { DeadLetters } from "./dead-letters.js";
import { show } from "./dialog.js";
import { count, number } from "./format.js";
import { History } from "./history.js";
import { State } from "./icons.js";
import { useAnswer } from "./live.js";
import { Messages } from "./messages.js";
import { Answer, Curl, Do, Empty, Facts, Heading, Tabs } from "./parts.js";
import { Publish } from "./publish.js";
import { link } from "./router.js";
import { may } from "./session.js";
import { Settings } from "./settings.js";
import { Subscribe } from "./subscribe.js";
import { Subscriptions } from "./subscriptions.js";
import { Time } from "./time.js";
import { Past } from "./past.js";

// [name, words, operation, component]
const TABS = [
  ["messages", "messages", "browseMessages", Messages],
  ["history", "history", "listHistory", History],
  ["dead-letters", "dead letters", "listDeadLetters", DeadLetters],
  ["subscriptions", "subscriptions", "listSubscriptions", Subscriptions],
  ["settings", "settings", "readTopic", Settings],
];

export function Topic({ topic, tab: given, query }) {
  const readable = may("readTopic", topic);
  const answer = useAnswer("readTopic", { path: { topic } }, { skip: !readable });
  if (answer.error?.status === 404) return html`<${Unknown} topic=${topic} />`;
  const tabs = TABS.filter(([, , operation]) => may(operation, topic));
  const tab = given || tabs[0]?.[0] || "messages";
  const [, , , Shown] = tabs.find(([name]) => name === tab) || [];
  return html`
    <${Heading} trail=${[["Topics", "#/topics"]]} actions=${html`<${TopicActions} topic=${topic} />`}>${topic}</${Heading}>
    ${readable && html`<${Answer} answer=${answer} rows=${1}>${(known) => html`<${Head} known=${known} />`}</${Answer}>
      <${Past} topic=${topic} />`}
    ${tabs.length === 0 ? null : html`<${Tabs} label="Parts of the topic" current=${tab} settled=${answer.data !== null}
      tabs=${tabs.map(([name, words]) => [name, link(["topics", topic, name]), html`${words}${badge(name, answer.data)}`])} />`}
    ${Shown
      ? html`<${Shown} key=${tab} topic=${topic} query=${query} known=${answer.data} />`
      : html`<${Lacking} topic=${topic} tab=${tab} />`}`;
}

function TopicActions({ topic }) {
  return html`<div class="buttons">
    <${Do} operation="subscribe" topic=${topic} onClick=${() => show(Subscribe, { topic })}>Subscribe…</${Do}>
    <${Do} operation="broadcast" topic=${topic} onClick=${() => broadcastAll(topic)}>Broadcast…</${Do}>
    <${Do} operation="publish" topic=${topic} primary onClick=${() => show(Publish, { topic })}>Publish…</${Do}>
  </div>`;
}

function badge(name, known) {
  if (!known) return null;
  if (name === "subscriptions") return html` <span class="chip">${number(known.subscriptions)}</span>`;
  return name === "dead-letters" && known.dead_letters.count > 0 ? html` <span class="chip">${count(known.dead_letters)}</span>` : null;
}

// What is true of the topic now.
function Head({ known }) {
  const { queue, dead_letters: dead, name } = known;
  const parts = `${number(queue.ready)} ready · ${number(queue.leased)} leased · ${number(queue.delayed)} delayed`;
  return html`<section class="card head" aria-label="The topic now">
    <${Facts} facts=${[
      ["waiting", count(queue), parts],
      ["oldest ready", html`<${Time} at=${known.oldest_ready_at} />`],
      ["log", number(known.last_seq), known.broadcast === "auto" ? "broadcast soon after each publish" : "broadcast by request"],
      ["farthest behind", known.subscriptions ? number(known.behind) : "–", known.subscriptions ? null : "no subscription"],
      ["dead letters", dead.count > 0 ? html`<a href=${link(["topics", name, "dead-letters"])}><${State} of="dead" word=${count(dead)} /></a>` : "0", known.subscriptions ? "of the queue" : null],
    ]} />
    <${Curl} operation="readTopic" path=${{ topic: name }} />
  </section>`;
}

// Only a link can lead here: the tabs that a token may not see are not shown.
function Lacking({ topic, tab }) {
  const [, words] = TABS.find(([name]) => name === tab) || [];
  if (!words) return html`<${Empty} title="The topic has no such part" />`;
  return html`<${Empty} title=${`This token may not see the ${words} of ${topic}`}>
    <p>It lacks the scope <code>browse</code>, or the topic is not among its topics.</p>
  </${Empty}>`;
}

function Unknown({ topic }) {
  const actions = html`<div class="buttons">
    <${Do} operation="publish" topic=${topic} onClick=${() => show(Publish, { topic })}>Publish…</${Do}>
    <${Do} operation="putTopic" topic=${topic} primary onClick=${() => show(CreateTopic, { name: topic })}>Create the topic…</${Do}>
  </div>`;
  return html`<${Heading} trail=${[["Topics", "#/topics"]]} actions=${actions}>${topic}</${Heading}>
    <${Empty} title=${`There is no topic ${topic}`}>
      <p>It was deleted, or nothing was published to it yet: the first publish creates it, with the default settings.</p>
      ${may("publish", topic) && html`<${Curl} operation="publish" path=${{ topic }} body=${{ content: { id: 1 } }} open />`}
    </${Empty}>`;
}
