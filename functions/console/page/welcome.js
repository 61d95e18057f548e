import { html, useState } from "./vendor.js";
import { show } from "./dialog.js";
import { Command, Do, Heading } from "./parts.js";
import { Publish } from "./publish.js";
import { curl } from "./request.js";
import { go, link } from "./router.js";
import { SCOPES } from "./scopes.js";
import { covers, may, session } from "./session.js";

const WEBHOOK = "https://example.com/webhook";
const PUBLISH = ["publish", "Publish a message. The first one makes the topic.", { content: { order: 1 } }];
const CONSUME = ["consume", "Consume it: a lease hides it from others, until its receipt is settled or the lease ends.", { max: 1, wait_seconds: 5 }];
const SUBSCRIBE = ["subscribe", "Or subscribe a webhook, to which each broadcast is pushed.", { url: WEBHOOK }];
const BROADCAST = ["broadcast", "Broadcast what waits to all subscriptions.", undefined];

// A topic that the token covers, for an example.
function example() {
  const { topics } = session.get().self;
  if (covers(topics, "orders")) return "orders";
  return topics[0].endsWith("*") ? `${topics[0].slice(0, -1)}orders` : topics[0];
}

function Steps({ steps, topic }) {
  const allowed = steps.filter(([operation]) => may(operation, topic));
  return html`<ol class="steps">${allowed.map(([operation, text, body]) => html`<li key=${operation}>
    ${text}<div class="curl"><${Command} text=${curl(operation, { path: { topic }, body })} /></div></li>`)}</ol>`;
}

// The first steps, on a broker that nobody has used yet.
export function FirstSteps() {
  return html`<section class="card" aria-labelledby="first-steps">
    <h2 id="first-steps">Nothing was published yet. The first steps:</h2>
    <${Steps} steps=${[PUBLISH, CONSUME, SUBSCRIBE]} topic=${example()} />
    <p class="muted">The commands take the token from the variable <code>TOKEN</code>. What they do is seen here.</p>
  </section>`;
}

// The overview of a token that may not browse: what it may do instead.
export function Welcome() {
  const { self } = session.get();
  const [topic, setTopic] = useState("");
  const named = self.topics.filter((pattern) => !pattern.endsWith("*"));
  const where = self.topics.includes("*") ? "all topics" : html`<code>${self.topics.join(", ")}</code>`;
  const name = topic.trim();
  const covered = name === "" || covers(self.topics, name);
  const open = (event) => {
    event.preventDefault();
    if (name && covered) go(link(["topics", name]));
  };
  return html`<${Heading}>What this token may do</${Heading}>
    <section class="card" aria-label="Rights">
      <p>The token <b>${self.name}</b> may not browse, so there is no live picture. On ${where} it may:</p>
      <ul>${SCOPES.filter(([scope]) => self.scopes.includes(scope)).map(([scope, text]) => html`<li key=${scope}>
        <code>${scope}</code>: ${text}</li>`)}</ul>
    </section>
    <form class="filters" onSubmit=${open}>
      <label>Open a topic
        <input list="covered" required pattern="[A-Za-z0-9._\\-]{1,128}" autocomplete="off" spellcheck=${false}
          placeholder=${example()} aria-describedby=${covered ? undefined : "uncovered"} value=${topic} onInput=${(event) => setTopic(event.target.value)} /></label>
      <datalist id="covered">${named.map((each) => html`<option key=${each} value=${each}></option>`)}</datalist>
      <button class="primary" disabled=${!covered}>Open</button>
      ${name && covered && html`<${Do} operation="publish" topic=${name} onClick=${() => show(Publish, { topic: name })}>Publish…</${Do}>`}
      ${covered ? null : html`<span id="uncovered" class="muted">The token does not cover this topic.</span>`}
    </form>
    <section class="card" aria-label="With curl"><h2>With curl</h2>
      <${Steps} steps=${[PUBLISH, CONSUME, SUBSCRIBE, BROADCAST]} topic=${name && covered ? name : example()} /></section>`;
}
