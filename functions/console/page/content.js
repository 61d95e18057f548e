import { html, useMemo, useState } from "./vendor.js";
import { bytes } from "./format.js";
import { Copy } from "./parts.js";
import { layOut } from "./raw-json.js";
import { remembered, useStore } from "./store.js";

// Content is personal data more often than not: lists can hide it.
export const hideContent = remembered("hide content", false);

const wrapped = remembered("wrapped", true);
const BLOCK = 200; // lines: blocks that are out of sight are not drawn, and still found by the browser's search
const PREVIEW = 160; // characters

const sizeOf = (text) => bytes(new TextEncoder().encode(text).length);

// The beginning of a content, in a list.
export function Preview({ text }) {
  if (useStore(hideContent)) return html`<span class="muted">hidden, ${sizeOf(text)}</span>`;
  // half a surrogate pair at the end would be drawn as a box
  const start = text.slice(0, PREVIEW).replace(/[\ud800-\udbff]$/, "");
  return html`<code class="preview">${start.length < text.length ? `${start}…` : text}</code>`;
}

// A content as it was written, in lines.
export function Content({ text, name }) {
  const [laid, setLaid] = useState(true);
  const wrap = useStore(wrapped);
  const hidden = useStore(hideContent);
  const blocks = useMemo(() => {
    const lines = laid ? layOut(text) : [text];
    const parts = [];
    for (let start = 0; start < lines.length; start += BLOCK) parts.push(lines.slice(start, start + BLOCK));
    return parts;
  }, [text, laid]);
  const size = useMemo(() => sizeOf(text), [text]);
  return html`<section class="content" aria-labelledby="content">
    <div class="bar">
      <h2 id="content">Content</h2><span class="muted">${size}</span><span class="space"></span>
      <label class="check"><input type="checkbox" checked=${laid} onChange=${() => setLaid(!laid)} />indented</label>
      <label class="check"><input type="checkbox" checked=${wrap} onChange=${() => wrapped.set(!wrap)} />wrapped</label>
      <${Copy} text=${text} what="the content" />
      <button type="button" class="quiet" onClick=${() => download(text, name)}>Download</button>
    </div>
    ${hidden
      ? html`<p class="muted">Content is hidden. <button type="button" class="quiet" onClick=${() => hideContent.set(false)}>Show it</button></p>`
      : html`<div class=${`lines ${wrap ? "wrap" : ""}`} tabindex="0" role="region" aria-label="The content as it was written">
          ${blocks.map((lines, index) => html`<pre key=${index} style=${{ containIntrinsicHeight: `auto ${lines.length * 1.5}em` }}>${lines.join("\n")}</pre>`)}
        </div>`}
  </section>`;
}

function download(text, name) {
  const anchor = document.createElement("a");
  anchor.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 1000);
}
