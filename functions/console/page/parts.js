import { html, useLayoutEffect, useRef } from "./vendor.js";
import { Icon } from "./icons.js";
import { announce } from "./outcomes.js";
import { curl } from "./request.js";
import { may } from "./session.js";
import { useTick } from "./time.js";

export function Copy({ text, label = "Copy", what = "" }) {
  const copy = () => toClipboard(typeof text === "function" ? text() : text, what || "it");
  return html`<button type="button" class="quiet" onClick=${copy} title=${what ? `Copy ${what}` : undefined}>
    <${Icon} name="copy" />${label}
  </button>`;
}

// An id, shortened, with all of it in the title and in what is copied.
export function Id({ id, href, whole = false }) {
  const text = whole ? id : `${id.slice(0, 8)}…${id.slice(-6)}`;
  return html`<span class="id">
    ${href ? html`<a href=${href} title=${id}><code>${text}</code></a>` : html`<code title=${id}>${text}</code>`}
    <button type="button" class="bare" aria-label=${`Copy the id ${id}`} onClick=${() => toClipboard(id, "the id")}><${Icon} name="copy" /></button>
  </span>`;
}

// There is no clipboard on a page without TLS, unless it is on this computer.
async function toClipboard(text, what) {
  try {
    await navigator.clipboard.writeText(text);
    announce(`${what[0].toUpperCase()}${what.slice(1)} is in the clipboard`);
  } catch {
    announce(`The browser does not let this page copy ${what}: select it instead`);
  }
}

export const Command = ({ text }) => html`<div>
  <pre tabindex="0"><code>${text}</code></pre><${Copy} text=${text} what="the command" /></div>`;

// The curl line of an operation, to be seen and copied. The token is never in it.
export function Curl({ operation, path, query, body, open = false }) {
  const text = curl(operation, { path, query, body });
  return html`<details class="curl" open=${open}>
    <summary>curl</summary>
    <${Command} text=${text} />
  </details>`;
}

// A button of an operation. It is not there when the token may not call it: what the contract says is the only list.
// `label`: its name, when its text is that of many. Until what it does is done, it does it only once.
export function Do({ operation, topic, onClick, children, label, danger = false, primary = false, quiet = false, disabled = false }) {
  const busy = useRef(false);
  const press = async () => {
    if (busy.current) return;
    busy.current = true;
    try {
      await onClick();
    } finally {
      busy.current = false;
    }
  };
  if (!may(operation, topic)) return null;
  const kind = danger ? "danger" : primary ? "primary" : quiet ? "quiet" : "";
  return html`<button type="button" class=${kind} aria-label=${label} data-operation=${operation} disabled=${disabled} onClick=${press}>
    ${children}
  </button>`;
}

export function Facts({ facts }) {
  return html`<dl class="facts">
    ${facts.filter(Boolean).map(([name, value, note]) => html`<div key=${name}>
      <dt>${name}</dt>
      <dd>${value}${note && html` <small>${note}</small>`}</dd>
    </div>`)}
  </dl>`;
}

// The shape of what comes, after 300 ms only, so that a quick answer never flickers.
export function Loading({ rows = 3 }) {
  return html`<div class="loading" role="status" aria-label="Loading">
    ${Array.from({ length: rows }, (_, row) => html`<span key=${row}></span>`)}
  </div>`;
}

export function Empty({ title, children }) {
  return html`<div class="empty"><p><strong>${title}</strong></p>${children}</div>`;
}

// An error beside what was there: it never replaces the page.
export function Failure({ error, retry }) {
  if (!error) return null;
  const waking = error.status === 503 && error.retryAt;
  return html`<div class=${`failure ${waking ? "waking" : ""}`} role="alert">
    <${Icon} name=${waking ? "clock" : "triangle"} />
    <div>
      <p><strong>${waking ? "The database is waking up" : error.title || "The request failed"}</strong>
        ${waking && html` <${Countdown} until=${error.retryAt} />`}</p>
      ${error.detail && error.detail !== error.title && html`<p>${error.detail}</p>`}
      ${error.faults?.length > 0 && html`<ul>${error.faults.map((fault) => html`<li>
        <code>${fault.pointer || fault.parameter}</code> ${fault.detail}</li>`)}</ul>`}
      ${error.requestId && html`<p class="muted">request <code>${error.requestId}</code></p>`}
    </div>
    ${retry && !waking && html`<button type="button" onClick=${retry}>Try again</button>`}
  </div>`;
}

function Countdown({ until }) {
  useTick();
  const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
  return html`<span class="muted">${seconds > 0 ? `asking again in ${seconds} s` : "asking…"}</span>`;
}

// What a screen shows of an answer: the shape of it, an error in its place or beside it, then itself.
export function Answer({ answer, children, rows }) {
  const { data, error, refresh } = answer;
  if (data === null && error === null) return html`<${Loading} rows=${rows} />`;
  return html`<${Failure} error=${error} retry=${refresh} />${data === null ? null : children(data)}`;
}

// The heading of a screen takes the focus when the screen is opened, so that keyboard and screen reader begin there. Beside it
// are what belongs to it, and at the other end the actions.
export function Heading({ children, trail = [], beside, actions }) {
  const text = [].concat(children).filter((part) => typeof part === "string").join(" ");
  useLayoutEffect(() => {
    document.title = `${text} · pgbroker ${document.documentElement.dataset.environment}`.trim();
  }, [text]);
  return html`<div class="line-up"><div class="heading">
    ${trail.length > 0 && html`<nav aria-label="Where this is">${trail.map(([name, href]) => html`<a key=${href} href=${href}>${name}</a>`)}</nav>`}
    <h1 tabindex="-1">${children}</h1></div>
    ${beside}<span class="space"></span>${actions}
  </div>`;
}

// Sentences that say how it is now.
export function Story({ tell }) {
  useTick();
  return html`<p class="story">${tell()}</p>`;
}

// `settled`: whether the words of the tabs stay as wide as they are.
export function Tabs({ label, tabs, current, settled = true }) {
  const nav = useRef(null);
  useLayoutEffect(() => {
    const tab = nav.current.querySelector("[aria-current]"); // it may be out of sight on a narrow screen
    if (tab) nav.current.scrollLeft = tab.offsetLeft - nav.current.clientWidth / 2;
  }, [current, settled]);
  return html`<nav ref=${nav} class="tabs" aria-label=${label}>
    ${tabs.map(([name, href, text]) => html`<a key=${name} href=${href} aria-current=${name === current ? "page" : undefined}>${text}</a>`)}
  </nav>`;
}
