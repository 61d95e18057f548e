import { html } from "./vendor.js";

// The part of Markdown that the contract uses: paragraphs, lists, code and bold, as elements. Text stays text.
export function Markdown({ text }) {
  if (!text) return null;
  return text
    .trim()
    .split(/\n\s*\n/)
    .map((paragraph, index) =>
      /^[-*] /.test(paragraph)
        ? html`<ul key=${index}>${paragraph.split(/\n(?=[-*] )/).map((item) => html`<li key=${item}><${Line} text=${item.slice(2)} /></li>`)}</ul>`
        : html`<p key=${index}><${Line} text=${paragraph} /></p>`,
    );
}

export function Line({ text }) {
  return text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part, index) => {
    if (part.startsWith("`")) return html`<code key=${index}>${part.slice(1, -1)}</code>`;
    if (part.startsWith("**")) return html`<b key=${index}>${part.slice(2, -2)}</b>`;
    return part;
  });
}
