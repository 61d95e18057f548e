import { html } from "./vendor.js";
import { Dialog } from "./dialog.js";
import { Copy } from "./parts.js";

// What the broker shows once: `name` says what it is.
export function Secret({ title, name = "secret", secret, close, children }) {
  return html`<${Dialog} title=${title} leave="I have it" close=${close}>
    <p><strong>It is shown only now, and only once.</strong> Copy it before you close this.</p>
    <div class="secret"><code>${secret}</code><${Copy} text=${secret} what=${`the ${name}`} /></div>
    ${children && html`<p class="muted">${children}</p>`}
  </${Dialog}>`;
}
