import { html, useEffect, useState } from "./vendor.js";
import { Ask, Dialog, show } from "./dialog.js";
import { count, number } from "./format.js";
import { Do, Failure, Loading } from "./parts.js";
import { call } from "./request.js";
import { go } from "./router.js";
import { may } from "./session.js";

export function DeleteTopic({ topic }) {
  if (!may("deleteTopic", topic)) return null;
  return html`<section class="card apart" aria-labelledby="delete-topic">
    <h2 id="delete-topic">Delete the topic</h2>
    <p class="muted">With its messages, its log and its subscriptions. The name is free at once.</p>
    <${Do} operation="deleteTopic" topic=${topic} danger onClick=${() => show(Delete, { topic })}>Delete the topic…</${Do}>
  </section>`;
}

// First it counts what would be lost: with nothing to lose it is deleted without force.
function Delete({ topic, close }) {
  const [known, setKnown] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    call("deleteTopic", { path: { topic }, query: { dry_run: true } }).then(setKnown, setError);
  }, []);
  if (!known) return html`<${Dialog} title=${`Delete ${topic}`} close=${close}>
    ${error ? html`<${Failure} error=${error} />` : html`<${Loading} />`}
    <div class="buttons"><button type="button" onClick=${close}>Cancel</button></div>
  </${Dialog}>`;
  const { queue, dead_letters: dead, subscriptions, behind } = known;
  const lost = [
    [queue.waiting, `${count(queue)} waiting`],
    [dead.count, `${count(dead)} dead letters`],
    [subscriptions, `${number(subscriptions)} ${subscriptions === 1 ? "subscription" : "subscriptions"}`],
    [behind, `${number(behind)} not delivered to the slowest subscription`],
  ].filter(([amount]) => amount > 0);
  const force = queue.waiting > 0 || subscriptions > 0;
  const request = () => ({ path: { topic }, query: { force: force || undefined } });
  return html`<${Ask} title=${`Delete ${topic}`} operation="deleteTopic" request=${request} action="Delete the topic" danger
    typed=${lost.length ? topic : undefined}
    done=${() => `${topic} is deleted`} after=${() => go("#/topics")} close=${close}>
    ${lost.length ? html`<p>With it are lost:</p><ul>${lost.map(([, text]) => html`<li key=${text}>${text}</li>`)}</ul>`
      : html`<p>Nothing waits in it, and nobody is subscribed to it.</p>`}
  </${Ask}>`;
}
