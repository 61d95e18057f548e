import { html, useState } from "./vendor.js";
import { Field } from "./fields.js";
import { Failure, Heading } from "./parts.js";
import { call } from "./request.js";
import { signIn } from "./session.js";

// Asks for a token, and keeps the place: the address stays as it is.
export function Login({ lost }) {
  const [token, setToken] = useState("");
  const [error, setError] = useState(null);
  const [busy, setBusy] = useState(false);
  const enter = async (event) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await call("readOwnToken", { token: token.trim() });
      signIn(token.trim());
    } catch (failure) {
      setError(failure.status === 401 ? { title: "This token is not valid: it is wrong, was revoked, or has ended" } : failure);
      setBusy(false);
    }
  };
  return html`<div class="login">
    <${Heading}>Sign in</${Heading}>
    ${lost && html`<p class="failure" role="alert">${lost}</p>`}
    <form onSubmit=${enter}>
      <${Field} label="Token" type="password" required placeholder="brk_…" value=${token} set=${setToken} />
      <${Failure} error=${error} />
      <div class="buttons"><button class="primary" disabled=${busy || token.trim() === ""}>${busy ? "Looking…" : "Sign in"}</button></div>
    </form>
    <p class="muted">The token stays in this tab, and is forgotten when the tab is closed. What it may not do is not shown.</p>
    <details><summary>Where to get one</summary>
      <p><code>make run</code> prints a link that signs in. Elsewhere mint a token for the console, which ends by itself:</p>
      <pre tabindex="0"><code>pgbroker tokens mint console --scope browse --expires 12h</code></pre>
    </details>
  </div>`;
}
