import { html, useRef, useState } from "./vendor.js";
import { hideContent } from "./content.js";
import { Icon } from "./icons.js";
import { asleep, freshness, interval, keepLive, refresh } from "./live.js";
import { go, link } from "./router.js";
import { may, session, signOut } from "./session.js";
import { useStore } from "./store.js";
import { clock, timeMode } from "./time.js";
import { shortcuts } from "./keys.js";

const INTERVALS = [
  [0, "paused"],
  [1000, "1 s"],
  [2000, "2 s"],
  [5000, "5 s"],
  [15000, "15 s"],
  [60000, "60 s"],
];

// A menu is closed by Escape, which gives the focus back, and by a click elsewhere.
for (const kind of ["keydown", "pointerdown"]) {
  addEventListener(kind, (event) => {
    const menu = document.querySelector("header .menu[open]");
    if (!menu || (kind === "keydown" ? event.key !== "Escape" : menu.contains(event.target))) return;
    menu.open = false;
    if (kind === "keydown") menu.querySelector("summary").focus();
  });
}

export function Header({ screen }) {
  const { token, self } = useStore(session);
  const { environment, colour } = document.documentElement.dataset;
  const current = ["topic", "message", "subscription"].includes(screen) ? "topics" : screen;
  const item = (name, href, text) => html`<a href=${href} aria-current=${name === current ? "page" : undefined}>${text}</a>`;
  return html`<header>
    <a class="brand" href="#/" aria-label=${`pgbroker${environment ? ` ${environment}` : ""}: overview`}>
      <${Mark} /><b>pgbroker</b>${" "}
      ${environment && html`<span class=${`environment ${colour}`}>${environment}</span>`}</a>
    ${self && html`<nav aria-label="Screens">
      ${may("readOverview") ? item("overview", "#/", "Overview") : null}
      ${may("listTopics") ? item("topics", "#/topics", "Topics") : null}
      ${may("listTokens") ? item("tokens", "#/tokens", "Tokens") : null}
      ${item("api", "#/api", "API")}
    </nav>`}
    <span class="space"></span>
    ${self && may("find") && html`<${SearchField} />`}
    ${self && html`<${Live} />`}
    ${token && self && html`<${Menu} self=${self} />`}
    ${!token && screen === "api" && html`<a href="#/">Sign in</a>`}
  </header>`;
}

const Mark = () => html`<svg class="mark" viewBox="0 0 24 24" width="22" height="22" aria-hidden="true">
  <path d="M3 5h11a4 4 0 0 1 0 8H3z" /><path d="M3 16h18M3 20h12" class="line" />
</svg>`;

function SearchField() {
  const [text, setText] = useState("");
  const field = useRef(null);
  const submit = (event) => {
    event.preventDefault();
    if (text.trim()) go(link(["search"], { for: text.trim() }));
    setText("");
    field.current.blur();
  };
  return html`<form role="search" onSubmit=${submit}>
    <${Icon} name="search" />
    <input ref=${field} type="search" id="search" aria-label="Search for a topic, a message, a subscription or a webhook-id"
      placeholder="topic or id  ( / )" value=${text} onInput=${(event) => setText(event.target.value)} />
  </form>`;
}

function Live() {
  const every = useStore(interval);
  const sleeping = useStore(asleep);
  const { at, failing } = useStore(freshness);
  const mode = useStore(timeMode);
  const label = INTERVALS.find(([value]) => value === every)?.[1] || "";
  const [kind, text] = failing
    ? ["stale", at ? html`not fresh <span class="name">since ${clock(at, mode)}</span>` : "no answer"]
    : sleeping
      ? ["stale", html`asleep<span class="name">: press any key</span>`]
      : every === 0
        ? ["paused", "paused"]
        : ["live", `live, ${label}`];
  return html`<details class="menu" name="menus">
    <summary class=${kind}><i></i><span>${text}</span></summary>
    <div>
      <fieldset><legend>Ask again</legend>
        ${INTERVALS.map(([value, name]) => html`<label class="check" key=${value}>
          <input type="radio" name="interval" checked=${value === every} onChange=${() => interval.set(value)} />
          ${value ? `every ${name}` : "paused: r asks once"}</label>`)}
      </fieldset>
      <label class="check"><input type="checkbox" checked=${useStore(keepLive)} onChange=${(event) => keepLive.set(event.target.checked)} />
        keep live, also when nobody touches this page</label>
      <p class="muted">Else it stops after 15 minutes, so that the database can sleep.</p>
      <button type="button" onClick=${refresh}>Ask now</button>
    </div>
  </details>`;
}

function Menu({ self }) {
  return html`<details class="menu" name="menus">
    <summary><${Icon} name="key" /><span class="name" title=${self.name}>${self.name}</span></summary>
    <div>
      <p class="muted">May ${self.scopes.join(", ")}, on ${self.topics.includes("*") ? "all topics" : self.topics.join(", ")}.
        ${self.expires_at ? ` Ends ${self.expires_at.slice(0, 16).replace("T", " ")} UTC.` : ""}</p>
      <fieldset><legend>Times</legend>
        ${["relative", "local", "UTC"].map((mode) => html`<label class="check" key=${mode}>
          <input type="radio" name="times" checked=${mode === useStore(timeMode)} onChange=${() => timeMode.set(mode)} />${mode}</label>`)}
      </fieldset>
      <label class="check"><input type="checkbox" checked=${useStore(hideContent)}
        onChange=${(event) => hideContent.set(event.target.checked)} />hide content in lists</label>
      <label class="check"><input type="checkbox" checked=${useStore(shortcuts)}
        onChange=${(event) => shortcuts.set(event.target.checked)} />keyboard shortcuts ( ? )</label>
      <button type="button" onClick=${() => signOut()}>Sign out</button>
    </div>
  </details>`;
}
