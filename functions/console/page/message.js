import { html, useState } from "./vendor.js";
import { Cancel } from "./cancel.js";
import { Content } from "./content.js";
import { Deliveries, Redrive } from "./deliveries.js";
import { show } from "./dialog.js";
import { State } from "./icons.js";
import { useAnswer } from "./live.js";
import { messageStory } from "./message-story.js";
import { Answer, Curl, Do, Empty, Facts, Heading, Id, Story } from "./parts.js";
import { go, link } from "./router.js";
import { Pairs } from "./table.js";
import { now, Time } from "./time.js";
import { Timeline } from "./timeline.js";

const SETTLED = ["delivered", "deleted", "lost"];

const isFinal = ({ state, deliveries }) =>
  state === "consumed" || (state === "broadcast" && deliveries.every((delivery) => SETTLED.includes(delivery.state)));

const isDelayed = ({ state, ready_at }) => state === "waiting" && new Date(ready_at) > now();

export function Message({ topic, id }) {
  const [final, setFinal] = useState(false);
  const path = { topic, id };
  const answer = useAnswer("traceMessage", { path, content: "item" }, { once: final });
  const { data, error } = answer;
  if (data && isFinal(data) !== final) setFinal(isFinal(data));
  const trail = [["Topics", "#/topics"], [topic, link(["topics", topic])], ["Messages", link(["topics", topic, "messages"])]];
  return html`<${Heading} trail=${trail} actions=${data && html`<${MessageActions} topic=${topic} message=${data} refresh=${answer.refresh} />`}>
      Message ${data && html`<${State} of=${data.state} word=${isDelayed(data) ? "delayed" : undefined} />`}</${Heading}>
    ${error?.status === 404 && !data ? html`<${Missing} topic=${topic} id=${id} />` : html`<${Answer} answer=${answer} rows=${6}>
      ${(message) => html`<${FoundMessage} topic=${topic} message=${message} refresh=${answer.refresh} />`}
    </${Answer}>`}
    <${Curl} operation="traceMessage" path=${path} />`;
}

function Missing({ topic, id }) {
  return html`<${Empty} title="No such message: it may have been consumed and removed by retention">
    <p><code>${id}</code></p>
    <p><a href=${link(["search"], { for: id })}>Look for it in the other topics</a>, or go to <a href=${link(["topics", topic])}>${topic}</a>.</p>
  </${Empty}>`;
}

function MessageActions({ topic, message, refresh }) {
  const cancels = ["waiting", "dead"].includes(message.state);
  return html`<div class="buttons">
    ${message.state === "dead" && html`<${Do} operation="redrive" topic=${topic} primary
      onClick=${() => show(Redrive, { topic, message, refresh })}>Redrive…</${Do}>`}
    ${cancels && html`<${Do} operation="cancelMessage" topic=${topic} danger
      onClick=${() => show(Cancel, { topic, message, after: () => go(link(["topics", topic])) })}>Cancel…</${Do}>`}
  </div>`;
}

function FoundMessage({ topic, message, refresh }) {
  return html`<${Story} tell=${() => messageStory(message)} />
    <div class="halves">
      <section class="card" aria-label="Timeline"><${Timeline} message=${message} topic=${topic} /></section>
      <section class="card" aria-label="Facts"><${Facts} facts=${[
        ["id", html`<${Id} id=${message.id} whole />`],
        ["created", html`<${Time} at=${message.created_at} />`],
        ["sender", message.sender],
        ["key", message.key ?? "–"],
        ["attributes", message.attributes ? html`<${Pairs} of=${message.attributes} />` : "–"],
      ]} /></section>
    </div>
    ${message.deliveries?.length > 0 && html`<section><h2>Subscriptions</h2><${Deliveries} topic=${topic} message=${message} refresh=${refresh} /></section>`}
    <${Content} text=${message.content} name=${`${message.id}.json`} />`;
}
