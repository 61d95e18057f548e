import { html, useEffect, useRef, useState } from "./vendor.js";
import { refresh, useAnswer } from "./live.js";
import { Failure } from "./parts.js";
import { call } from "./request.js";

// A list of the API, page by page. While there is one page it is live; with more of them it keeps still, so that no row moves
// under the reader. Returns {answer, items, next, more, loading, error, kept, refresh}: `kept` says that it keeps still.
export function usePages(name, options) {
  const key = JSON.stringify([name, options.path, options.query]);
  const [kept, keep] = useState({ key, items: null, next: null });
  const [trouble, setTrouble] = useState(null);
  const [loading, setLoading] = useState(false);
  const wanted = useRef(key);
  wanted.current = key;
  useEffect(() => () => (wanted.current = null), []);
  const still = kept.key === key && kept.items !== null;
  const answer = useAnswer(name, options, { once: still });
  const items = still ? kept.items : answer.data?.items || [];
  const next = still ? kept.next : answer.data?.next;

  const more = async () => {
    setLoading(true);
    setTrouble(null);
    try {
      const page = await call(name, { ...options, query: { ...options.query, after: next } });
      if (wanted.current === key) keep({ key, items: [...items, ...page.items], next: page.next });
    } catch (error) {
      if (wanted.current === key) setTrouble(error);
    }
    setLoading(false);
  };
  const again = () => {
    keep({ key, items: null, next: null });
    refresh();
  };
  return { answer, items, next, more, loading, error: trouble, kept: still, refresh: again };
}

// What is below a list: how much of it is there, and the way on.
export function More({ pages, label = "More", children }) {
  const { items, next, more, loading, error, kept, refresh } = pages;
  return html`<${Failure} error=${error} retry=${more} />
    <div class="more">
      ${next && html`<button type="button" onClick=${more} disabled=${loading}>${loading ? "Loading…" : label}</button>`}
      <span class="muted">${children || `${items.length}${next ? " so far" : ""}`}</span>
      ${kept && html`<button type="button" class="quiet" onClick=${refresh}>Back to the first page</button>`}
    </div>`;
}
