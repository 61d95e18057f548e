import { html } from "./vendor.js";
import { Preview } from "./content.js";
import { Ask } from "./dialog.js";

export function Cancel({ topic, message, after, close }) {
  return html`<${Ask} title="Cancel this message" operation="cancelMessage" action="Cancel the message" danger close=${close}
    request=${() => ({ path: { topic, id: message.id } })} done=${() => "The message is deleted"} after=${after}>
    <p>It is deleted with its content. Nothing brings it back.</p>
    <p><code>${message.id}</code></p>
    <${Preview} text=${message.content} />
  </${Ask}>`;
}
