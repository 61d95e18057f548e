import { html } from "./vendor.js";
import { Dialog } from "./dialog.js";
import { Copy } from "./parts.js";

// A secret that the broker shows once.
export function Secret({ title, secret, close, children }) {
  return html`<${Dialog} title=${title} close=${close}>
    <p>Store it now: <strong>it is shown only here, and only once</strong>.</p>
    ${children}
    <div class="secret"><code tabindex="0">${secret}</code><${Copy} text=${secret} what="the secret" /></div>
    <div class="buttons"><button type="button" class="primary" onClick=${close}>I have stored it</button></div>
  </${Dialog}>`;
}
