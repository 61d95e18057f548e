import { html, useState } from "./vendor.js";
import { Cancel } from "./cancel.js";
import { Content } from "./content.js";
import { Deliveries, Redrive } from "./deliveries.js";
import { show } from "./dialog.js";
import { State } from "./icons.js";
import { useAnswer } from "./live.js";
import { messageStory } from "./message-story.js";
import { Answer, Curl, Do, Empty, Facts, Heading, Id } from "./parts.js";
import { go, link } from "./router.js";
import { now, Time, useTick } from "./time.js";
import { Timeline } from "./timeline.js";

const SETTLED = ["delivered", "deleted", "lost"];

const isFinal = ({ state, deliveries }) =>
  state === "consumed" || (state === "broadcast" && deliveries.every((delivery) => SETTLED.includes(delivery.state)));

export function Message({ topic, id }) {
  const [final, setFinal] = useState(false);
  const path = { topic, id };
  const answer = useAnswer("traceMessage", { path, content: "item" }, { once: final });
  const { data, error } = answer;
  if (data && isFinal(data) !== final) setFinal(isFinal(data));
  const trail = [["Topics", "#/topics"], [topic, link(["topics", topic])], ["Messages", link(["topics", topic, "messages"])]];
  return html`<div class="line-up">
      <${Heading} trail=${trail}>Message ${data ? html`<${State} of=${data.state} word=${data.state === "waiting" && new Date(data.ready_at) > now() ? "delayed" : undefined} />` : null}</${Heading}>
      <span class="space"></span>
      ${data ? html`<${Actions} topic=${topic} message=${data} refresh=${answer.refresh} />` : null}
    </div>
    ${error?.status === 404 && !data ? html`<${Missing} topic=${topic} id=${id} />` : html`<${Answer} answer=${answer} rows=${6}>
      ${(message) => html`<${Found} topic=${topic} message=${message} refresh=${answer.refresh} />`}
    </${Answer}>`}
    <${Curl} operation="traceMessage" path=${path} />`;
}

function Missing({ topic, id }) {
  return html`<${Empty} title="No such message: it may have been consumed and removed by retention">
    <p><code>${id}</code></p>
    <p><a href=${link(["search"], { for: id })}>Look for it in the other topics</a>, or go to <a href=${link(["topics", topic])}>${topic}</a>.</p>
  </${Empty}>`;
}

function Actions({ topic, message, refresh }) {
  const cancels = ["waiting", "dead"].includes(message.state);
  return html`<div class="buttons">
    ${message.state === "dead" ? html`<${Do} operation="redrive" topic=${topic} primary onClick=${() => show(Redrive, { topic, message, refresh })}>Redrive…</${Do}>` : null}
    ${cancels ? html`<${Do} operation="cancelMessage" topic=${topic} danger onClick=${() => show(Cancel, { topic, message, after: () => go(link(["topics", topic])) })}>Cancel…</${Do}>` : null}
  </div>`;
}

function Story({ message }) {
  useTick();
  return html`<p class="story">${messageStory(message)}</p>`;
}

function Found({ topic, message, refresh }) {
  return html`<${Story} message=${message} />
    <div class="halves">
      <section class="card" aria-label="Timeline"><${Timeline} message=${message} topic=${topic} /></section>
      <section class="card" aria-label="Facts"><${Facts} facts=${[
        ["id", html`<${Id} id=${message.id} whole />`],
        ["created", html`<${Time} at=${message.created_at} />`],
        ["sender", message.sender],
        ["key", message.key ?? "–"],
        ["attributes", message.attributes ? html`<${Attributes} of=${message.attributes} />` : "–"],
      ]} /></section>
    </div>
    ${message.deliveries?.length ? html`<section><h2>Subscriptions</h2><${Deliveries} topic=${topic} message=${message} refresh=${refresh} /></section>` : null}
    <${Content} text=${message.content} name=${`${message.id}.json`} />`;
}

function Attributes({ of }) {
  return html`<table class="pairs"><tbody>${Object.entries(of).map(([name, value]) => html`<tr key=${name}><th scope="row">${name}</th><td>${String(value)}</td></tr>`)}</tbody></table>`;
}
